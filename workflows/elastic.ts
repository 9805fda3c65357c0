import { condition } from '@temporalio/workflow';
import type { GrantedHost } from '../spec/fleet.js';
import type { Task } from '../spec/task/task.js';
import { flapping, settle } from './flapping.js';
import { giveBack, leaseExtra } from './gather.js';
import { noteSizes } from './live.js';
import type { RunRecord } from './run-record.js';

/** A run that may have more nodes than it needs waits so long for them before its first start. */
const LAST_CALL_MS = 3_000;
/** What else is free when the run is about to grow is there within this. */
const TOP_UP_MS = 1_000;

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
    const isOff = () => isOver() || surplusOf(record).length > 0;
    if (room() > 0 && (await condition(isOff, settle(record, task), { summary: 'settle: more hosts may come before it grows' }))) continue;
    await more(TOP_UP_MS);
    record.growth.due = true;
  }
}

/** How many more hosts it may have than it has, is taking in and holds to grow by. */
function roomOf({ most, nodes, newcomers, growth }: RunRecord): number {
  return most - nodes.length - (newcomers?.hosts.length ?? 0) - growth.hosts.length;
}

/** What it holds to grow by and may not have: beyond its maximum, for somebody may have wished for less since, or drained. */
function surplusOf(record: RunRecord): GrantedHost[] {
  // While it takes others in, for nodes that leave perhaps, nobody knows what room there will be.
  if (record.newcomers !== null) return [];
  const { hosts } = record.growth;
  const drained = hosts.filter(({ host }) => record.drained.includes(host));
  const usable = hosts.filter((host) => !drained.includes(host));
  const room = roomOf(record) + drained.length;
  return [...drained, ...(room < 0 ? usable.slice(room) : [])];
}

/** Gives that back. True: there was something. */
export async function giveSurplusBack(record: RunRecord): Promise<boolean> {
  const surplus = surplusOf(record);
  record.growth.hosts = record.growth.hosts.filter((host) => !surplus.includes(host));
  if (surplus.length > 0) await giveBack(record, { clean: [], unclean: surplus.map(({ host }) => host), silent: [] });
  return surplus.length > 0;
}
