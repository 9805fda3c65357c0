import { readFileSync } from 'node:fs';
import { oomKillsIn, readCgroup, readCgroupName } from './cgroup.js';
import { isFromHere, readPidNamespace } from './identity.js';
import { type KernelRecord, readKernelLog } from './kernel-log.js';
import { oomVictims, wasAmong } from './oom-records.js';
import { TICKS_PER_SECOND, uptimeMs } from './process-age.js';
import { PROGRAM_OOM_SCORE_ADJ } from './shim-script.js';
import { type ExitRecord, readProgram } from './start-dir.js';

/** 137 as a shell tells of SIGKILL; 9 and 247 as launchers do that pass on a signal's number, or its negative. */
const KILLED = [137, 9, 247];
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';
const TOLERANCE_MS = 1_000;
/** The clock of the kernel's log is not disciplined by NTP. */
const DRIFT = 50e-6;

/**
 * Whether the kernel killed this start's program, or one of its processes, because memory ran out. True only on evidence: the start's cgroup counted a kill, or the
 * kernel's log names one (`wasAmong`); false where neither can be read. To be asked once the exit is known and before `terminateStart` or `endHelpers` removes
 * the cgroup. The log, which costs milliseconds, is read only for exits that look like SIGKILL.
 */
export function wasOutOfMemory(dir: string, exit: ExitRecord, readLog: () => KernelRecord[] = readKernelLog): boolean {
  const cgroup = readCgroup(dir);
  if (cgroup !== undefined && oomKillsIn(cgroup) > 0) return true;
  const program = readProgram(dir);
  if (!KILLED.includes(exit.code) || program === undefined || !isFromHere(program)) return false;
  const victims = oomVictims(readLog());
  if (victims.length === 0) return false;
  const upMs = uptimeMs();
  const nowMs = Number(process.hrtime.bigint() / 1_000_000n);
  const agoUsec = (ageMs: number) => (nowMs - ageMs) * 1000;
  return wasAmong(victims, {
    startedUsec: agoUsec(upMs - (program.startTime * 1000) / TICKS_PER_SECOND),
    endedUsec: agoUsec(Date.now() - exit.endedAtMs),
    cgroupName: readCgroupName(dir),
    pid: readPidNamespace() === FIRST_PID_NAMESPACE ? program.pid : undefined,
    oomScoreAdj: Math.max(PROGRAM_OOM_SCORE_ADJ, ownOomScoreAdj()),
    toleranceUsec: (TOLERANCE_MS + upMs * DRIFT) * 1000,
  });
}

/** Programs inherit it, through the process that forks their shims. */
function ownOomScoreAdj(): number {
  try {
    return Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
  } catch {
    return 0;
  }
}
