import type { Program } from '../../spec/nodes.js';
import { isPopulated, readCgroup, removeCgroup } from '../process/cgroup.js';
import { isAnybodyLeft, terminateStart } from '../process/terminate.js';

/** What helpers get that outlive their program. */
const GRACE_MS = 5_000;

/** Ends what a program has left behind. True: nothing of its start lives any more. */
export async function endHelpers(dir: string, cookie: string, { stopSignal, stopDurationSeconds }: Program, hurried: boolean): Promise<boolean> {
  const cgroup = readCgroup(dir);
  if (!(await isAnybodyLeft({ dir, cookie })) && (cgroup === undefined || !isPopulated(cgroup))) {
    if (cgroup !== undefined) removeCgroup(cgroup);
    return true;
  }
  const graceMs = hurried ? 0 : Math.min(GRACE_MS, stopDurationSeconds * 1000);
  return (await terminateStart({ dir, cookie, signal: stopSignal as NodeJS.Signals, graceMs })).clean;
}
