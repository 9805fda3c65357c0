import type { KernelRecord } from './kernel-log.js';

/** A process that the kernel killed for want of memory. */
export interface OomVictim {
  atUsec: number;
  /** In the first pid namespace, whatever the victim's. */
  pid: number;
  /** Its cgroup, of those that count memory; kernels before 5.0 do not tell. */
  cgroup?: string;
  /** Kernels before 5.3 do not tell. */
  oomScoreAdj?: number;
}

/** Who was killed, by the kernel's records. A kill is in two of them (since 5.0), which name the same pid. */
export function oomVictims(records: readonly KernelRecord[]): OomVictim[] {
  return records.flatMap(({ atUsec, text }) => {
    const victim = ofChoice(text) ?? ofKill(text);
    return victim === undefined ? [] : [{ atUsec, ...victim }];
  });
}

// A process may be called anything: what follows its name is found from the end of the line.
const CHOICE = /^oom-kill:constraint=.*?,task_memcg=(\/.*?),task=.*,pid=(\d+),uid=\d+$/;

function ofChoice(text: string): Omit<OomVictim, 'atUsec'> | undefined {
  const [, cgroup, pid] = CHOICE.exec(text) ?? [];
  return pid === undefined || cgroup === undefined ? undefined : { pid: Number(pid), cgroup };
}

// "Kill process … or sacrifice child" names whom an older kernel considered; whom it killed is in the next record.
const KILL = /^(?:[\w (]*out of memory[\w ()]*: )?Killed process (\d+)[, ].*\btotal-vm:\d+kB(?:.* oom_score_adj:(-?\d+))?/i;

function ofKill(text: string): Omit<OomVictim, 'atUsec'> | undefined {
  const [, pid, adj] = KILL.exec(text) ?? [];
  if (pid === undefined) return undefined;
  return { pid: Number(pid), ...(adj === undefined ? {} : { oomScoreAdj: Number(adj) }) };
}

/** What is known of a program whose end is asked about. Times by the clock of the kernel's log. */
export interface EndedProgram {
  startedUsec: number;
  endedUsec: number;
  /** The name of its own cgroup, which no other has. */
  cgroupName: string | undefined;
  /** In the first pid namespace; undefined where this process sees another. */
  pid: number | undefined;
  oomScoreAdj: number;
  /** By how much the clocks may differ. */
  toleranceUsec: number;
}

/** A shell tells of the end of what it ran within this time of the kill, which takes longer the more memory there is to free. */
const DEATH_USEC = 10_000_000;

/**
 * Whether one of these was the program or its child: it was in the program's cgroup, or had its pid, or it was killed right before the program ended and had the
 * program's oom_score_adj (no other process is known of a child that is gone).
 */
export function wasAmong(victims: readonly OomVictim[], program: EndedProgram): boolean {
  const { startedUsec, endedUsec, toleranceUsec } = program;
  const inItsTime = victims.filter((it) => it.atUsec >= startedUsec - toleranceUsec && it.atUsec <= endedUsec + toleranceUsec);
  return inItsTime.some((it) => {
    if (program.cgroupName !== undefined && it.cgroup?.split('/').includes(program.cgroupName)) return true;
    if (program.pid === undefined) return false;
    return it.pid === program.pid || (it.oomScoreAdj === program.oomScoreAdj && it.atUsec >= endedUsec - toleranceUsec - DEATH_USEC);
  });
}
