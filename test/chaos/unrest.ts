import { setTimeout as pause } from 'node:timers/promises';
import { fleetWorkflowId } from '../../spec/ids.js';
import { hosts as hostsQuery } from '../../spec/messages.js';
import type { RunStatus } from '../../spec/nodes.js';
import type { Scene } from './faults.js';
import type { Line } from './journal.js';

/** What a run may take, after everything was mended, until its size is what it is to be: it waits for hosts for half a minute. */
const REST_LIMIT_MS = 75_000;
const LOOK_EVERY_MS = 300;

interface Follower {
  readonly isClosed: boolean;
  readonly status: RunStatus | null;
  look(): Promise<void>;
}

/**
 * Waits until a run that changes its size has come to rest: it runs, no wish waits, all its programs have read the newest list, and it holds no host
 * that it has no use for. A sentence: what of this is not so in time. Null: all is, or the run is over.
 */
export async function unrestOf(scene: Scene, follower: Follower): Promise<string | null> {
  const endMs = performance.now() + REST_LIMIT_MS;
  for (;;) {
    await follower.look();
    if (follower.isClosed) return null;
    const unrest = (await whatMoves(scene, follower.status)) ?? null;
    if (unrest === null) return null;
    if (performance.now() >= endMs) return `${REST_LIMIT_MS / 1000} s after everything was mended ${unrest}`;
    await pause(LOOK_EVERY_MS);
  }
}

async function whatMoves({ stack, watcher, task }: Scene, status: RunStatus | null): Promise<string | undefined> {
  if (status === null) return 'the run has not said anything';
  const { phase, message, nodes, generation, resizes, runId } = status;
  if (phase !== 'running') return `the run is ${phase}: ${message}`;
  const waiting = resizes.find(({ state }) => state === 'waiting');
  if (waiting) return `the wish for ${waiting.nodes} nodes waits: ${waiting.message}`;
  const list = nodes.map(({ address }) => address).join(',');
  watcher.look();
  const behind = nodes.filter(({ exitCode, host }) => exitCode === null && !hasRead(watcher.lines, host, generation, list));
  if (behind.length > 0) return `${behind.map(({ host }) => host).join(', ')} did not read generation ${generation}, ${list}`;
  const held = await stack.client.workflow
    .getHandle(fleetWorkflowId('default'))
    .query(hostsQuery)
    .catch(() => null);
  if (held === null) return 'the fleet does not answer';
  const mine = held.filter(({ lease }) => lease?.runId === runId && lease.state === 'held').map(({ host }) => host);
  const missing = nodes.filter(({ host }) => !mine.includes(host));
  if (missing.length > 0) return `the fleet does not know that the run has ${missing.map(({ host }) => host).join(', ')}`;
  const more = mine.filter((host) => !nodes.some((node) => node.host === host));
  // An elastic run holds what it is about to grow by.
  if (!task.elastic && more.length > (task.spares ?? 0)) return `the run holds ${more.join(', ')} beside its nodes`;
  return undefined;
}

function hasRead(lines: readonly Line[], host: string, generation: number, list: string): boolean {
  const last = lines.findLast(({ host: of, event, read }) => of === host && read !== undefined && event !== 'seen' && event !== 'helper');
  return typeof last?.read === 'object' && last.read.generation === generation && last.read.list === list && last.read.addresses === list;
}
