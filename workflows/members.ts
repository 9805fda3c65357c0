import { condition } from '@temporalio/workflow';
import type { FormerSeat } from '../spec/activities.js';
import type { Failure } from '../spec/failures.js';
import type { GrantedHost } from '../spec/fleet.js';
import type { Task } from '../spec/task/task.js';
import { noteChange } from './flapping.js';
import { giveBack, lease, partsOf } from './gather.js';
import { isEnough, noteSizes } from './live.js';
import type { RunRecord } from './run-record.js';
import { useSpares } from './spares.js';

/** With `fencing: strict`: what an agent without Temporal may take over host_timeout and stop_duration until its processes are gone. */
export const STRICT_MARGIN_MS = 10_000;
/** More seats than this are not called for: whoever comes back learns from Temporal that it was left out. */
const MOST_FENCED = 50;

/**
 * Takes other hosts for those that were lost, once for each; goes on without them under `on_host_loss: shrink`, where enough are left. Waits for free ones up to `queue_timeout`, and where the task pins its hosts for these
 * to come back. A failure says why there is none; null: the run is being stopped.
 */
export async function replaceLost(record: RunRecord, task: Task): Promise<Failure | 'replaced' | null> {
  // One that was waited for is back by now.
  const isBack = (host: string) => record.replaced.includes(host);
  const lost = lostHosts(record).filter((host) => record.hosts.some((held) => held.host === host) && !isBack(host));
  if (lost.length === 0) return 'replaced';
  noteSeats(record, lost);
  noteChange(record, lost);
  const gone = record.hosts.filter(({ host }) => lost.includes(host));
  record.hosts = record.hosts.filter(({ host }) => !lost.includes(host));
  const unclean = record.gone.flatMap(({ host, silent }) => (lost.includes(host) && !silent ? [host] : []));
  await giveBack(record, { clean: [], unclean, silent: lost.filter((host) => !unclean.includes(host)) });
  if (task.onHostLoss === 'shrink' && isEnough(record.hosts, task)) {
    noteSizes(record, task);
    return 'replaced';
  }
  const isAny = task.hosts === null && task.groups.length === 1;
  const spared = isAny ? useSpares(record, gone.length) : 0;
  if (spared > 0) take(record, record.newcomers?.hosts.slice(-spared) ?? []);
  // The fleet gives no run what it holds itself.
  const own = isAny ? record.growth.hosts.splice(0, gone.length - spared) : [];
  take(record, own);
  const lack = gone.slice(spared + own.length);
  if (lack.length === 0) return 'replaced';
  const wish = {
    parts: partsOf(task, lack),
    hosts: task.hosts === null ? null : lost,
    first: false,
    unmet: 'wait' as const,
    queueTimeoutSeconds: task.queueTimeoutSeconds,
  };
  const more = await lease(record, wish, () => record.stopWanted !== null);
  if (more === null) return null;
  if (!Array.isArray(more)) return { type: more.type, message: `nothing took the place of ${lost.join(', ')}: ${more.message}` };
  take(record, more);
  return 'replaced';
}

function take(record: RunRecord, hosts: readonly GrantedHost[]): void {
  record.hosts.push(...hosts);
  record.replaced.push(...hosts.map(({ host }) => host));
}

/** With `fencing: strict`, waits until whatever a lost host may still run has ended by itself. */
export async function awaitFences(record: RunRecord, task: Task): Promise<void> {
  if (task.fencing !== 'strict') return;
  const lostAtMs = record.ends.flatMap(({ end }) => (end.kind === 'failed' && end.failure.type === 'HostLost' ? [end.endedAtMs] : []));
  const untilMs = Math.max(...lostAtMs, 0) + task.stopDurationSeconds * 1000 + STRICT_MARGIN_MS;
  if (lostAtMs.length > 0 && untilMs > Date.now())
    await condition(() => record.stopWanted !== null, untilMs - Date.now(), { summary: 'fencing: the lost hosts have stopped by then' });
}

/** Hosts that this generation has lost, with what they had of the run. */
function lostHosts(record: RunRecord): string[] {
  const lost = record.ends.filter(({ end }) => end.kind === 'failed' && LOST.includes(end.failure.type)).map(({ host }) => host);
  return [...new Set([...lost, ...record.gone.map(({ host }) => host)])];
}

const LOST: readonly string[] = ['HostLost', 'HostStateLost', 'Fenced'];

/** Keeps which seats of these hosts may still hold processes, for the master to fence. */
export function noteSeats(record: RunRecord, lost: readonly string[]): void {
  const seats = (record.roster?.nodes ?? []).flatMap(({ host, address, port }) => {
    const wasLost = record.ends.some((seen) => seen.host === host && seen.end.kind === 'failed' && seen.end.failure.type === 'HostLost');
    const silent = wasLost || record.gone.some((other) => other.host === host && other.silent);
    return lost.includes(host) && silent ? [{ host, address, port, startNumber: record.seats[host]?.startNumber ?? 0 }] : [];
  });
  const isKnown = (seat: FormerSeat) => record.fence.some(({ host, startNumber }) => host === seat.host && startNumber === seat.startNumber);
  record.fence = [...record.fence, ...seats.filter((seat) => !isKnown(seat))].slice(-MOST_FENCED);
}
