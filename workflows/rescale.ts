import { ApplicationFailure, CancellationScope, condition, currentUpdateInfo, uuid4 } from '@temporalio/workflow';
import * as messages from '../spec/messages.js';
import type { Resize } from '../spec/nodes.js';
import type { Task } from '../spec/task/task.js';
import { planResize, type ResizePlan, readWish, wishesWith } from './decisions/resize.js';
import { giveSurplusBack } from './elastic.js';
import { dismissNewcomers, gatherNewcomers, lease, partsOf } from './gather.js';
import { isEnough, isLive, sizesOf } from './live.js';
import { count } from './metrics.js';
import { type RunRecord, show } from './run-record.js';
import { useSpares } from './spares.js';

/** Where nobody could take the place of a drained host, it is tried again after so long. */
const MOVE_AGAIN_MS = 30_000;

/** Records a wish for another number of nodes, which takes the place of one that waits; throws `RescaleRefused` where it cannot be. */
export async function recordWish(record: RunRecord, asked: unknown): Promise<messages.RescaleAnswer> {
  const read = await readNow(record, asked);
  if ('refused' in read) throw ApplicationFailure.nonRetryable(`${record.ref.handle} cannot be rescaled: ${read.refused}`, 'RescaleRefused');
  return take(record, read.sizes, currentUpdateInfo()?.id ?? '');
}

/** The same of a signal, whose sender hears nothing: the status tells also of a wish that cannot be. */
export async function hearWish(record: RunRecord, asked: unknown): Promise<void> {
  const read = await readNow(record, asked);
  if ('sizes' in read) {
    take(record, read.sizes, uuid4());
    return;
  }
  const { nodesWanted: nodes, sizes } = record;
  record.resizes = wishesWith(record.resizes, { id: uuid4(), nodes, sizes, state: 'refused', message: read.refused });
  show(record);
}

async function readNow(record: RunRecord, asked: unknown): Promise<{ sizes: number[] } | { refused: string }> {
  // Whoever starts a run and rescales it at once is not to be told that it is too early.
  await CancellationScope.nonCancellable(() => condition(() => record.task !== null || record.endedAtMs !== null));
  const { task, phase, stopWanted, sizes } = record;
  return task ? readWish(asked, { task, sizes, phase, stopping: stopWanted !== null }) : { refused: 'the run has ended' };
}

function take(record: RunRecord, sizes: number[], id: string): messages.RescaleAnswer {
  const { ref } = record;
  const nodes = sum(sizes);
  const message = `${ref.handle} is to have ${counted(nodes)}`;
  const wish: Resize = { id, nodes, sizes, state: 'waiting', message };
  if (record.wish) settle(record, record.wish, 'superseded', `superseded by ${counted(nodes)}`);
  if ((record.wish?.id ?? '') === '' && record.resizing === null) record.mostBefore = record.most;
  record.wish = wish;
  record.most = nodes;
  record.resizes = wishesWith(record.resizes, wish);
  return { id, message };
}

/** Is there anything to change while the gang runs: a wish, a drained host to move away from, hosts to grow by? */
export function hasChange(record: RunRecord, task: Task): boolean {
  return record.wish !== null || isMissing(record, task) || record.growth.due || movable(record, task).length > 0;
}

/**
 * Readies what the next change needs while the gang runs on: hosts, all of them or none, gathered. Returns who is to leave;
 * null where nothing comes of it: it is refused, superseded, there is nothing to do, or the gang ends.
 */
export async function prepareChange(record: RunRecord, task: Task, gangEnds: () => boolean): Promise<{ leave: string[] } | null> {
  if (record.wish !== null) return await prepareRescale(record, task, record.wish, gangEnds);
  const interrupted = () => gangEnds() || record.wish !== null || record.departed.length > 0;
  if (!record.growth.due) return await prepareMove(record, task, interrupted);
  await giveSurplusBack(record);
  if (interrupted()) return null;
  const { hosts } = record.growth;
  record.growth = { hosts: [], due: false };
  if (hosts.length === 0) return null;
  return (await gatherNewcomers(record, task, hosts, interrupted)) === 'gathered' ? { leave: [] } : null;
}

async function prepareRescale(record: RunRecord, task: Task, wish: Resize, gangEnds: () => boolean): Promise<{ leave: string[] } | null> {
  const drop = (state: Resize['state'], message: string) => {
    settle(record, wish, state, message);
    if (record.wish === wish) record.wish = null;
    show(record);
    return null;
  };
  const progress = (message: string) => {
    wish.message = message;
    show(record);
  };
  const names = task.groups.map(({ name }) => name);
  const { leave, newcomers, hosts } = planResize(record.roster?.nodes ?? [], names, wish.sizes, task.hosts);
  if (leave.length + newcomers.length === 0) {
    Object.assign(record, { sizes: wish.sizes, nodesWanted: wish.nodes });
    return drop('done', `it has ${counted(wish.nodes)} already`);
  }
  if (newcomers.length > 0) {
    // A lost host is left out first.
    const interrupted = () => gangEnds() || record.wish !== wish || record.departed.length > 0;
    const outcome = await acquire(record, task, { newcomers, hosts, unmet: task.unmet }, interrupted, progress);
    if (outcome === 'interrupted') return null;
    if (outcome !== 'ready') return drop('refused', outcome.refused);
  }
  progress(isLive(task) ? 'the nodes meet' : 'stopping all nodes, to start them with the new list');
  record.wish = null;
  record.resizing = wish;
  return { leave };
}

/** Others for drained hosts; or nobody, where the run may shrink. */
async function prepareMove(record: RunRecord, task: Task, interrupted: () => boolean): Promise<{ leave: string[] } | null> {
  const leave = movable(record, task);
  const stay = record.hosts.filter(({ host }) => !leave.includes(host));
  if (leave.length === 0 || (task.onHostLoss === 'shrink' && isEnough(stay, task))) return leave.length === 0 ? null : { leave };
  const moved = record.hosts.filter(({ host }) => leave.includes(host));
  const newcomers = partsOf(task, moved).map(({ group, nodes }) => ({ group, nodes }));
  const progress = (message: string) => {
    record.message = `${leave.join(', ')} to be left, as drained: ${message}`;
    show(record);
  };
  const outcome = await acquire(record, task, { newcomers, hosts: null, unmet: 'wait' }, () => interrupted() || movable(record, task).length === 0, progress);
  if (outcome === 'ready') return { leave };
  if (outcome !== 'interrupted') await condition(interrupted, MOVE_AGAIN_MS);
  return null;
}

/** Gets and gathers newcomers, spares first. They wait in `record.newcomers` then; else nothing is left of them. */
async function acquire(
  record: RunRecord,
  task: Task,
  { newcomers, hosts, unmet }: { newcomers: ResizePlan['newcomers']; hosts: string[] | null; unmet: 'refuse' | 'wait' },
  interrupted: () => boolean,
  progress: (message: string) => void,
): Promise<'ready' | 'interrupted' | { refused: string }> {
  const all = sum(newcomers.map(({ nodes }) => nodes));
  const isAny = hosts === null && task.groups.length === 1;
  const spared = isAny ? useSpares(record, all) : 0;
  // What it holds to grow by is nearer than what others may give back.
  const own = isAny ? record.growth.hosts.splice(0, all - spared) : [];
  if (own.length > 0) record.newcomers = { hosts: [...(record.newcomers?.hosts ?? []), ...own], cells: record.newcomers?.cells ?? [] };
  const lack = all - spared - own.length;
  const wanted = (group: number) => (newcomers.find((part) => part.group === group)?.nodes ?? 0) - (group === 0 ? spared + own.length : 0);
  const parts = messages.partsOf(task.groups).flatMap((part) => (wanted(part.group) > 0 ? [{ ...part, nodes: wanted(part.group) }] : []));
  if (lack > 0) progress(`waiting for ${lack} more host${lack === 1 ? '' : 's'}`);
  const more = lack > 0 ? await leaseMore(record, task, { parts, hosts, unmet }, interrupted) : [];
  if (!Array.isArray(more)) {
    await dismissNewcomers(record, task);
    return more === null ? 'interrupted' : { refused: more.message };
  }
  const granted = [...own, ...more];
  if (granted.length > 0) {
    progress(`gathering ${granted.map(({ host }) => host).join(', ')}`);
    const gathered = await gatherNewcomers(record, task, granted, interrupted);
    if (gathered !== 'gathered') return gathered;
  }
  if (!interrupted()) return 'ready';
  await dismissNewcomers(record, task);
  return 'interrupted';
}

/** Whether there are hosts enough is known only when those that the run is leaving are back in the fleet. */
async function leaseMore(
  record: RunRecord,
  { queueTimeoutSeconds }: Task,
  wish: Pick<messages.LeaseRequested, 'parts' | 'hosts' | 'unmet'>,
  interrupted: () => boolean,
): ReturnType<typeof lease> {
  const isLeaving = () => record.leaving.length > 0;
  if (isLeaving()) {
    const more = await lease(record, { ...wish, unmet: 'wait', first: false, queueTimeoutSeconds }, () => interrupted() || !isLeaving());
    if (more !== null || interrupted()) return more;
  }
  return await lease(record, { ...wish, first: false, queueTimeoutSeconds }, interrupted);
}

/** Drained hosts that the run may leave for others, or without. */
function movable({ drained, nodes }: RunRecord, { onHostLoss, hosts }: Task): string[] {
  return onHostLoss === 'fail' || hosts !== null ? [] : drained.filter((host) => nodes.some((node) => node.host === host));
}

/** Do nodes lack that a lost host has left, and that others are to take the place of? */
export function isMissing(record: RunRecord, task: Task): boolean {
  if (!isLive(task) || task.onHostLoss !== 'replace') return false;
  const present = sizesOf(record.hosts, task);
  return record.sizes.some((size, group) => (present[group] ?? 0) < size);
}

/** Wishes for what is missing, unless somebody wishes for something else. True: the wish that waits now is the run's own. */
export function wishForMissing(record: RunRecord, task: Task): boolean {
  const { sizes } = record;
  const nodes = sum(sizes);
  if (isMissing(record, task)) record.wish ??= { id: '', nodes, sizes, state: 'waiting', message: `${record.ref.handle} is to have ${counted(nodes)} again` };
  return record.wish?.id === '';
}

/** Nothing comes of the wish that is being fulfilled. */
export function dropWish(record: RunRecord, why: string): void {
  if (record.resizing) settle(record, record.resizing, 'refused', why);
  record.resizing = null;
  show(record);
}

/** The new generation runs. */
export function wishFulfilled(record: RunRecord): void {
  if (record.resizing) settle(record, record.resizing, 'done', `${counted(record.resizing.nodes)} in generation ${record.generation}`);
  record.resizing = null;
}

/** The gang has ended while a wish was being readied for it: the wish waits for the next generation, unless a newer one does. */
export async function putBack(record: RunRecord, task: Task): Promise<void> {
  const { resizing } = record;
  record.resizing = null;
  if (resizing && record.wish) settle(record, resizing, 'superseded', `superseded by ${counted(record.wish.nodes)}`);
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
  for (const wish of [record.wish, record.resizing]) if (wish) settle(record, wish, 'refused', 'the run ended first');
  record.wish = null;
  record.resizing = null;
}

/** A wish of the run's own has no id, and is nobody's. */
function settle(record: RunRecord, wish: Resize, state: Resize['state'], message: string): void {
  if (wish.id !== '') count(record, 'muster_rescales', { outcome: state });
  // The run stays as it is, unless somebody wishes for something else already.
  if (wish.id !== '' && state === 'refused' && (record.wish ?? wish) === wish) record.most = record.mostBefore;
  Object.assign(wish, { state, message });
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

function counted(nodes: number): string {
  return `${nodes} node${nodes === 1 ? '' : 's'}`;
}
