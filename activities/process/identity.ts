import { readFileSync, readlinkSync } from 'node:fs';

/** What names one process for ever: a pid alone is reused, on a busy machine within minutes. */
export interface ProcessRecord {
  pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  startTime: number;
  bootId: string;
  /** As the kernel writes it: `pid:[4026531836]`. */
  pidNamespace: string;
}

/** One process as /proc shows it now. `startTime` is in clock ticks since boot; `state` is the kernel's letter (R, S, D, T, Z, X). */
export interface ProcessStat {
  pid: number;
  startTime: number;
  pgid: number;
  sid: number;
  ppid: number;
  state: string;
}

/** The id of this boot of the machine; another one after every reboot. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** The pid namespace that this process's pids belong to. */
export function readPidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid');
}

/** What /proc says of a pid; undefined when there is none. Zombies are returned, with state `Z`. */
export function readProcess(pid: number): ProcessStat | undefined {
  if (!Number.isSafeInteger(pid) || pid < 1) return undefined;
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Reads a line of /proc/PID/stat. The name may hold spaces, newlines and parentheses: fields are counted from the last `)`. */
export function parseStat(text: string): ProcessStat | undefined {
  const close = text.lastIndexOf(')');
  if (close < 0) return undefined;
  const fields = text.slice(close + 2).split(' ');
  const [state, ppid, pgid, sid] = fields;
  const stat = {
    pid: Number.parseInt(text, 10),
    startTime: Number(fields[19]),
    pgid: Number(pgid),
    sid: Number(sid),
    ppid: Number(ppid),
    state: state ?? '',
  };
  return Number.isSafeInteger(stat.pid) && Number.isSafeInteger(stat.startTime) ? stat : undefined;
}

/** Zombies hold a pid but run nothing. */
export function isLive(stat: ProcessStat): boolean {
  return stat.state !== 'Z' && stat.state !== 'X';
}

/** True only while the very process of the record lives: same pid, start time, boot and pid namespace, and no zombie. */
export function isSameProcess(record: ProcessRecord): boolean {
  const stat = readRecorded(record);
  return stat !== undefined && isLive(stat);
}

/** The recorded process as /proc shows it, also as a zombie; undefined when it is gone or its pid belongs to another now. */
export function readRecorded(record: ProcessRecord): ProcessStat | undefined {
  const stat = readProcess(record.pid);
  if (stat?.startTime !== record.startTime) return undefined;
  return isFromHere(record) ? stat : undefined;
}

/** True when the record's pid means something here: it was written in this boot and this pid namespace. */
export function isFromHere(record: ProcessRecord): boolean {
  return record.bootId === readBootId() && record.pidNamespace === readPidNamespace();
}
