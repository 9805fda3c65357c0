import type { GrantedHost } from '../spec/fleet.js';
import type { Task } from '../spec/task/task.js';
import { decideFlapping, settleMs } from './decisions/settle.js';
import type { RunRecord } from './run-record.js';

/** A host that it could not grow by is left out for so long at least. */
const REFUSED_MS = 30_000;
const CHANGES_KEPT = 20;
/** No longer than a host is left out. */
const LOST_KEPT_MS = 600_000;

/** Hosts that were lost lately, which an elastic run and spares do without for a while, and until when. */
export function flapping(record: RunRecord, task: Task): { except: string[]; untilMs: number } {
  return decideFlapping({ lostAtMs: record.lostAtMs, nowMs: Date.now(), forMs: settle(record, task) });
}

/** Members came or went. */
export function noteChange(record: RunRecord, lost: readonly string[] = []): void {
  record.changedAtMs = [...record.changedAtMs, Date.now()].slice(-CHANGES_KEPT);
  noteLost(record, lost);
}

/** These hosts were lost: they are left out for a while. */
export function noteLost(record: RunRecord, hosts: readonly string[], lostAtMs = Date.now()): void {
  const known = Object.entries(record.lostAtMs).filter(([, atMs]) => Date.now() - atMs < LOST_KEPT_MS);
  record.lostAtMs = Object.fromEntries([...known, ...hosts.map((host) => [host, lostAtMs] as const)]);
}

/** The run could not grow by these hosts. Whatever is wrong with them is not mended at once, however short `settle` is. */
export function noteRefused(record: RunRecord, task: Task, hosts: readonly GrantedHost[]): void {
  const lostAtMs = Date.now() + Math.max(0, REFUSED_MS - settle(record, task));
  noteLost(
    record,
    hosts.map(({ host }) => host),
    lostAtMs,
  );
}

/** How long it waits for more hosts before it grows, in milliseconds. */
export function settle({ changedAtMs }: RunRecord, { settleSeconds }: Task): number {
  return settleMs({ settleSeconds, changedAtMs, nowMs: Date.now() });
}
