import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { liveProcesses } from './carriers.js';
import { readRecorded } from './identity.js';
import { readProgram } from './start-dir.js';

/**
 * Sends a signal to those processes of a program's group that have a handler for it, as the kernel says; it would end the others: a wrapper shell, or a
 * program that is still starting. How many got it.
 */
export function signalHandlers(dir: string, signal: NodeJS.Signals): number {
  const program = readProgram(dir);
  if (program === undefined || readRecorded(program) === undefined) return 0;
  let sent = 0;
  for (const { pid, pgid } of liveProcesses()) {
    if (pgid !== program.pid || !handles(pid, signal)) continue;
    try {
      process.kill(pid, signal);
      sent++;
    } catch {
      // It has just ended.
    }
  }
  return sent;
}

/** Source: proc_pid_status(5), `SigCgt`: a mask in hexadecimal, signal 1 in its lowest bit. */
function handles(pid: number, signal: NodeJS.Signals): boolean {
  try {
    const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '0';
    return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
  } catch {
    return false;
  }
}
