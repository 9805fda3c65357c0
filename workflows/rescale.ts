import { ApplicationFailure, condition, currentUpdateInfo } from '@temporalio/workflow';
import * as messages from '../spec/messages.js';
import type { Resize } from '../spec/nodes.js';
import type { Task } from '../spec/task/task.js';
import { planResize, refuseResize } from './decisions/resize.js';
import { dismissNewcomers, gatherNewcomers, lease } from './gather.js';
import { type RunRecord, show } from './run-record.js';

const WISHES_KEPT = 10;

/** Records a wish for another number of nodes, which takes the place of one that waits; throws `RescaleRefused` where it cannot be. */
export async function recordWish(record: RunRecord, nodes: unknown): Promise<messages.RescaleAnswer> {
  // Whoever starts a run and rescales it at once is not to be told that it is too early.
  await condition(() => record.task !== null || record.endedAtMs !== null);
  const { ref, task, phase, stopWanted } = record;
  const why = refuseResize({ nodes, pinned: task?.hosts ?? null, groups: task?.groups.length ?? 1, phase, stopping: stopWanted !== null });
  if (why !== null || typeof nodes !== 'number') throw ApplicationFailure.nonRetryable(`${ref.handle} cannot be rescaled: ${why}`, 'RescaleRefused');
  const id = currentUpdateInfo()?.id ?? '';
  const message = `${ref.handle} is to have ${counted(nodes)}`;
  const wish: Resize = { id, nodes, state: 'waiting', message };
  if (record.wish) settle(record.wish, 'superseded', `superseded by ${counted(nodes)}`);
  record.wish = wish;
  record.resizes = [...record.resizes, wish].slice(-WISHES_KEPT);
  return { id, message };
}

/**
 * Readies what a wish needs while the gang runs on: hosts, all of them or none, gathered. Returns who is to leave;
 * null where nothing comes of it: it is refused, superseded, there is nothing to do, or the gang ends.
 */
export async function prepareRescale(record: RunRecord, task: Task, gangEnds: () => boolean): Promise<{ leave: string[] } | null> {
  const { wish, roster } = record;
  if (wish === null || roster === null) return null;
  const drop = (state: Resize['state'], message: string) => {
    settle(wish, state, message);
    if (record.wish === wish) record.wish = null;
    show(record);
    return null;
  };
  const progress = (message: string) => {
    wish.message = message;
    show(record);
  };
  const { leave, newcomers, hosts } = planResize(roster, wish.nodes, task.hosts);
  if (leave.length + newcomers === 0) return drop('done', `it has ${counted(wish.nodes)} already`);
  if (newcomers > 0) {
    const interrupted = () => gangEnds() || record.wish !== wish;
    progress(`waiting for ${newcomers} more host${newcomers === 1 ? '' : 's'}`);
    const parts = messages.partsOf(task.groups.slice(0, 1)).map((part) => ({ ...part, nodes: newcomers }));
    const granted = await lease(record, { parts, hosts, first: false, unmet: task.unmet, queueTimeoutSeconds: task.queueTimeoutSeconds }, interrupted);
    if (granted === null) return null;
    if (!Array.isArray(granted)) return drop('refused', granted.message);
    progress(`gathering ${granted.map(({ host }) => host).join(', ')}`);
    const gathered = await gatherNewcomers(record, task, granted, interrupted);
    if (gathered === 'interrupted') return null;
    if (gathered !== 'gathered') return drop('refused', gathered.refused);
    if (interrupted()) {
      await dismissNewcomers(record, task);
      return null;
    }
  }
  progress('stopping all nodes, to start them with the new list');
  record.wish = null;
  record.resizing = wish;
  return { leave };
}

/** The new generation runs. */
export function wishFulfilled(record: RunRecord): void {
  if (record.resizing) settle(record.resizing, 'done', `${counted(record.resizing.nodes)} in generation ${record.generation}`);
  record.resizing = null;
}

/** The gang has ended while a wish was being readied for it: the wish waits for the next generation, unless a newer one does. */
export async function putBack(record: RunRecord, task: Task): Promise<void> {
  const { resizing } = record;
  record.resizing = null;
  if (resizing && record.wish) settle(resizing, 'superseded', `superseded by ${counted(record.wish.nodes)}`);
  record.wish ??= resizing;
  await dismissNewcomers(record, task);
}

/** After the run has continued as new, a wish and its entry in the list of them are one object again. */
export function relinkWishes(record: RunRecord): void {
  const entryOf = (wish: Resize | null) => record.resizes.find(({ id, state }) => id === wish?.id && state === 'waiting') ?? wish;
  record.wish = entryOf(record.wish);
  record.resizing = entryOf(record.resizing);
}

/** The run ends: nothing comes of what still waits. */
export function refuseWishes(record: RunRecord): void {
  for (const wish of [record.wish, record.resizing]) if (wish) settle(wish, 'refused', 'the run ended first');
  record.wish = null;
  record.resizing = null;
}

function settle(wish: Resize, state: Resize['state'], message: string): void {
  Object.assign(wish, { state, message });
}

function counted(nodes: number): string {
  return `${nodes} node${nodes === 1 ? '' : 's'}`;
}
