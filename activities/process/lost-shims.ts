import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const DELETED = ' (deleted)';

/**
 * Ends shims that wait in directories below this one which are no longer there: nobody could ever give them their word, and what has not started
 * carries no cookie. Returns how many. Programs are left alone: those are found by their cookies.
 */
export function endLostShims(directory: string): number {
  const lost = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && isLostShim(Number(name), directory));
  for (const pid of lost) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // Gone meanwhile, or another user's.
    }
  }
  return lost.length;
}

function isLostShim(pid: number, directory: string): boolean {
  try {
    const cwd = readlinkSync(`/proc/${pid}/cwd`);
    if (!cwd.startsWith(`${directory}/`) || !cwd.endsWith(DELETED)) return false;
    return /\0muster-(shim|waiter)\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
  } catch {
    return false;
  }
}
