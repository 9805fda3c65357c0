import type { Program } from '../../spec/nodes.js';
import { carries, scanProcesses } from '../process/carriers.js';
import { isPopulated, readCgroup, removeCgroup } from '../process/cgroup.js';
import { readShim } from '../process/start-dir.js';
import { terminateStart } from '../process/terminate.js';

/** What helpers get that outlive their program. */
const GRACE_MS = 5_000;

/** Ends what a program has left behind. True: nothing of its start lives any more. */
export async function endHelpers(dir: string, cookie: string, { stopSignal, stopDurationSeconds }: Program, hurried: boolean): Promise<boolean> {
  const shim = readShim(dir);
  const cgroup = readCgroup(dir);
  // Where many programs of one machine end at once, their agents' starts share the look.
  const carriers = (await scanProcesses()).filter((it) => carries(it, cookie));
  if (carriers.every(({ pid }) => pid === shim?.pid) && (cgroup === undefined || !isPopulated(cgroup))) {
    if (cgroup !== undefined) removeCgroup(cgroup);
    return true;
  }
  const graceMs = hurried ? 0 : Math.min(GRACE_MS, stopDurationSeconds * 1000);
  return (await terminateStart({ dir, cookie, signal: stopSignal as NodeJS.Signals, graceMs })).clean;
}
