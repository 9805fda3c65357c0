import { condition } from '@temporalio/workflow';
import type { Task } from '../spec/task/task.js';
import { decideFlapping, settleMs } from './decisions/settle.js';
import { giveBack, leaseExtra } from './gather.js';
import { noteSizes } from './live.js';
import type { RunRecord } from './run-record.js';

/** A run that may have more nodes than it needs waits so long for them before its first start. */
const LAST_CALL_MS = 3_000;
/** What else is free when the run is about to grow is there within this. */
const TOP_UP_MS = 1_000;
const CHANGES_KEPT = 20;
/** No longer than a host is left out. */
const LOST_KEPT_MS = 600_000;

/** Takes what is free beyond the minimum of an elastic run, before its first start. */
export async function lastCall(record: RunRecord, task: Task): Promise<void> {
  const room = record.most - record.hosts.length;
  if (task.elastic === null || room <= 0) return;
  const more = await leaseExtra(record, task, { nodes: room, except: [], limitMs: LAST_CALL_MS }, () => record.stopWanted !== null);
  record.hosts.push(...(more ?? []));
  noteSizes(record, task);
}

/** Has an elastic run grow by hosts that come free, until it is over. They are held while more are waited for. */
export async function seekGrowth(record: RunRecord, task: Task, isOver: () => boolean): Promise<void> {
  if (task.elastic === null) return;
  const room = () => roomOf(record);
  const isCalm = () => record.phase === 'running' && record.wish === null && record.departed.length === 0;
  for (;;) {
    await condition(() => isOver() || (isCalm() && !record.growth.due && (room() > 0 || record.growth.hosts.length > 0)));
    if (isOver()) return;
    if (await giveSurplusBack(record)) continue;
    const more = async (limitMs: number) => {
      if (room() <= 0) return;
      const { except, untilMs } = flapping(record, task);
      const hosts = await leaseExtra(record, task, { nodes: room(), except, limitMs: Math.min(limitMs, untilMs - Date.now()) }, () => isOver() || !isCalm());
      record.growth.hosts.push(...(hosts ?? []));
    };
    if (record.growth.hosts.length === 0) await more(Number.POSITIVE_INFINITY);
    if (record.growth.hosts.length === 0) continue;
    const isTooMany = () => isOver() || room() < 0;
    if (room() > 0 && (await condition(isTooMany, settle(record, task), { summary: 'settle: more hosts may come before it grows' }))) continue;
    await more(TOP_UP_MS);
    record.growth.due = true;
  }
}

/** How many more hosts it may have than it has, is taking in and holds to grow by. */
function roomOf({ most, nodes, newcomers, growth }: RunRecord): number {
  return most - nodes.length - (newcomers?.hosts.length ?? 0) - growth.hosts.length;
}

/** Gives back what it holds to grow by beyond its maximum: somebody may have wished for less since. True: there was something. */
export async function giveSurplusBack(record: RunRecord): Promise<boolean> {
  const room = roomOf(record);
  const surplus = room < 0 ? record.growth.hosts.splice(room).map(({ host }) => host) : [];
  if (surplus.length > 0) await giveBack(record, { clean: surplus, unclean: [], silent: [] });
  return surplus.length > 0;
}

/** Hosts that were lost lately, which an elastic run and spares do without for a while, and until when. */
export function flapping(record: RunRecord, task: Task): { except: string[]; untilMs: number } {
  return decideFlapping({ lostAtMs: record.lostAtMs, nowMs: Date.now(), forMs: settle(record, task) });
}

/** Members came or went. */
export function noteChange(record: RunRecord, lost: readonly string[] = []): void {
  record.changedAtMs = [...record.changedAtMs, Date.now()].slice(-CHANGES_KEPT);
  noteLost(record, lost);
}

/** These hosts were lost, or could not be taken: they are left out for a while. */
export function noteLost(record: RunRecord, hosts: readonly string[]): void {
  const nowMs = Date.now();
  const known = Object.entries(record.lostAtMs).filter(([, atMs]) => nowMs - atMs < LOST_KEPT_MS);
  record.lostAtMs = Object.fromEntries([...known, ...hosts.map((host) => [host, nowMs] as const)]);
}

function settle({ changedAtMs }: RunRecord, { settleSeconds }: Task): number {
  return settleMs({ settleSeconds, changedAtMs, nowMs: Date.now() });
}
