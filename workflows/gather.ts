import { condition, getExternalWorkflowHandle, ParentClosePolicy, proxyActivities, startChild, uuid4 } from '@temporalio/workflow';
import type { ControlActivities } from '../spec/activities.js';
import type { Failure } from '../spec/failures.js';
import type { GrantedHost } from '../spec/fleet.js';
import { cellWorkflowId, controlQueue, fleetWorkflowId } from '../spec/ids.js';
import * as messages from '../spec/messages.js';
import type { GatheredHost, UngatheredHost } from '../spec/nodes.js';
import type { Task } from '../spec/task/task.js';
import { musterCell } from './cell.js';
import { BARRIER_RETRIES, type Outcome } from './decisions/outcome.js';
import { LATE_MS } from './decisions/silence.js';
import { claimHosts } from './held-hosts.js';
import { conditionRearmed } from './in-time.js';
import { judgeLost, judgeRefusal } from './judge.js';
import { type Cell, enter, gatheringNode, programOf, type RunRecord, stopTermsOf } from './run-record.js';
import { tellRestart } from './tell-restart.js';

/** Nodes that one cell looks after. Measured: design, section 9. */
const CELL_SIZE = 50;
/** What a fleet or a cell may take over its own deadline to say so. */
const MARGIN_MS = 30_000;
/** A run that waits for hosts repeats its wish so often at first, and ever more rarely. */
const REPEAT_FIRST_MS = 15_000;
const REPEAT_MAX_MS = 600_000;

export type Gathering = { kind: 'gathered'; hosts: GatheredHost[] } | Exclude<Outcome, { kind: 'running' | 'succeeded' }> | { kind: 'stopped' };

const control = proxyActivities<ControlActivities>({ startToCloseTimeout: '20 seconds' });

/** Asks the fleet for hosts and waits for them; a fleet that is not there is started. Null: interrupted, and the wish is withdrawn. */
export async function lease(
  record: RunRecord,
  wish: Pick<messages.LeaseRequested, 'parts' | 'hosts' | 'first' | 'unmet' | 'queueTimeoutSeconds'>,
  interrupted: () => boolean,
): Promise<GrantedHost[] | Failure | null> {
  const request = uuid4();
  const { fleet } = record.ref;
  if (record.hosts.length > 0) claimHosts(record);
  const askedAtMs = Date.now();
  let deadlineMs = askedAtMs + wish.queueTimeoutSeconds * 1000;
  const message: messages.LeaseRequested = { run: record.ref, request, ...wish, stop: stopTermsOf(record), askedAtMs, deadlineMs };
  const answered = () => record.granted?.request === request || record.refused?.request === request || interrupted();
  let inTime = false;
  for (let waitMs = REPEAT_FIRST_MS; !inTime && Date.now() < deadlineMs; waitMs = Math.min(waitMs * 2, REPEAT_MAX_MS)) {
    const { fleetRebuilds } = record;
    tellFleet(fleet, message);
    const toldAtMs = Date.now();
    const leftMs = deadlineMs - toldAtMs;
    const limitMs = leftMs <= waitMs ? leftMs + MARGIN_MS : waitMs;
    inTime = (await condition(() => answered() || record.fleetRebuilds > fleetRebuilds, limitMs)) && answered();
    const passedMs = Date.now() - toldAtMs;
    // Time that went by while Temporal was away counts for nothing.
    if (passedMs > limitMs + LATE_MS) deadlineMs += passedMs;
  }
  if (record.granted?.request === request) return record.granted.hosts;
  if (record.refused?.request === request) return record.refused.failure;
  await getExternalWorkflowHandle(fleetWorkflowId(fleet))
    .signal(messages.leaseWithdrawn, { request })
    .catch(() => undefined);
  if (inTime) return null;
  return { type: 'QueueTimeout', message: `The fleet ${fleet} did not answer; is a control worker running for it?` };
}

function tellFleet(fleet: string, message: messages.LeaseRequested): void {
  getExternalWorkflowHandle(fleetWorkflowId(fleet))
    .signal(messages.leaseRequested, message)
    .catch(() => control.signalFleet(fleet, messages.leaseRequested.name, message));
}

/**
 * Gathers the run's hosts, but for newcomers that wait already: their cells ask each to prepare a start. Before the first
 * roster a silent host is given back and replaced until `gather_timeout`, unless the task pins its hosts; later it is a lost one. Every late
 * host is named.
 */
export async function gather(record: RunRecord, task: Task): Promise<Gathering> {
  const deadlineMs = Date.now() + task.gatherTimeoutSeconds * 1000;
  claimHosts(record);
  const late: UngatheredHost[] = [];
  const waiting = record.newcomers?.hosts ?? [];
  record.cells = [...(record.newcomers?.cells ?? [])];
  record.newcomers = null;
  record.nodes = record.hosts.map((host) => gatheringNode(host, task));
  let wave = record.hosts.filter((host) => !waiting.includes(host));
  for (;;) {
    const earlier = record.cells.length;
    await startCells(record, task, record.cells, wave, record.round);
    const answered = () => record.cells.every(({ answer }) => answer !== null);
    const brokenCell = () => record.cells.find(({ closed, answer }) => closed && answer === null);
    const inTime = await conditionRearmed(() => answered() || record.stopWanted !== null || brokenCell() !== undefined, answerLimitMs(task));
    if (record.stopWanted) return { kind: 'stopped' };
    const lost = brokenCell();
    if (lost) return broken(record, `Cell ${lost.id} was ended from outside`);
    if (!inTime) return broken(record, 'The cells did not answer; is a control worker running?');

    const gathered = record.cells.flatMap(({ answer }) => answer?.gathered ?? []);
    const missing = record.cells.slice(earlier).flatMap(({ answer }) => answer?.missing ?? []);
    if (missing.length === 0) return { kind: 'gathered', hosts: gathered };
    late.push(...missing);
    const refused = missing.filter(({ kind }) => kind === 'refused');
    const [first] = refused;
    if (first) return judgeRefusal(record, task, first.host, { type: first.failure.type, message: sentences(refused) });

    // Once the run has had a roster, a host that does not answer is a lost one.
    const silent = missing.map(({ host }) => host);
    if (record.roster !== null) return judgeLost(record, task, silent, { type: 'HostLost', message: sentences(missing) });
    const leftMs = deadlineMs - Date.now();
    const parts = partsOf(
      task,
      record.hosts.filter(({ host }) => silent.includes(host)),
    );
    record.nodes = record.nodes.filter(({ host }) => !silent.includes(host));
    record.hosts = record.hosts.filter(({ host }) => !silent.includes(host));
    await giveBack(record, { clean: [], unclean: [], silent });
    if (task.hosts !== null || leftMs <= 0) return failedFor(timeout(late));
    enter(record, 'gathering', 'WaitingForHosts', `${sentences(missing)}; asking for ${missing.length} other`);
    const wish = { parts, hosts: null, first: false, unmet: 'wait' as const, queueTimeoutSeconds: Math.max(1, leftMs / 1000) };
    const more = await lease(record, wish, () => record.stopWanted !== null);
    if (more === null) return { kind: 'stopped' };
    if (!Array.isArray(more)) return failedFor(timeout(late));
    record.nodes.push(...more.map((host) => gatheringNode(host, task)));
    record.hosts.push(...more);
    wave = more;
  }
}

/**
 * Gathers newcomers beside the running gang, which stays as it is. They wait in `record.newcomers` then; if one cannot be gathered, or it is
 * interrupted, they are all dismissed. A sentence: why not.
 */
export async function gatherNewcomers(
  record: RunRecord,
  task: Task,
  hosts: GrantedHost[],
  interrupted: () => boolean,
): Promise<'gathered' | 'interrupted' | { refused: string }> {
  const cells: Cell[] = [];
  record.newcomers = { hosts, cells };
  await startCells(record, task, cells, hosts, record.round + 1);
  const answered = () => cells.every(({ answer, closed }) => answer !== null || closed);
  const inTime = await condition(() => answered() || interrupted(), answerLimitMs(task));
  const missing = cells.flatMap(({ answer }) => answer?.missing ?? []);
  const lost = !inTime || cells.some(({ closed }) => closed);
  if (!lost && !interrupted() && missing.length === 0) return 'gathered';
  await dismissNewcomers(record, task);
  if (interrupted()) return 'interrupted';
  return { refused: missing.length > 0 ? sentences(missing) : 'the cells of the newcomers did not answer' };
}

/** Ends what waits on the newcomers' hosts and gives the hosts back. */
export async function dismissNewcomers(record: RunRecord, task: Task): Promise<void> {
  const { newcomers } = record;
  if (newcomers === null) return;
  const { cells, hosts } = newcomers;
  await tellCells(cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.stopDecided, { mode: 'now', generation: 0 }));
  await condition(() => cells.every(({ closed }) => closed), answerLimitMs(task));
  const silent = cells.flatMap(({ answer }) => answer?.missing ?? []).flatMap(({ host, kind }) => (kind === 'silent' ? [host] : []));
  const unclean = hosts.flatMap(({ host }) => (silent.includes(host) ? [] : [host]));
  record.newcomers = null;
  await giveBack(record, { clean: [], unclean, silent });
}

/** Does something for each of the cells, a few at a time; a cell that is gone is passed over. */
export async function tellCells(cells: readonly Cell[], tell: (cell: string) => Promise<void>): Promise<void> {
  const batch = 10;
  for (let i = 0; i < cells.length; i += batch) {
    await Promise.all(cells.slice(i, i + batch).map(({ id }) => tell(id).catch(() => undefined)));
  }
}

/** How many hosts of which kind these were. */
export function partsOf(task: Task, hosts: readonly GrantedHost[]): messages.LeasePart[] {
  const parts = messages.partsOf(task.groups).map((part) => ({ ...part, nodes: hosts.filter(({ group }) => group === part.group).length }));
  return parts.filter(({ nodes }) => nodes > 0);
}

function answerLimitMs(task: Task): number {
  return (task.gatherTimeoutSeconds + task.stopDurationSeconds) * 1000 + MARGIN_MS;
}

async function startCells(record: RunRecord, task: Task, cells: Cell[], hosts: GrantedHost[], round: number): Promise<void> {
  const salt = uuid4().slice(0, 8);
  const count = Math.ceil(hosts.length / CELL_SIZE);
  const size = Math.ceil(hosts.length / count);
  const parts = Array.from({ length: count }, (_, i) => hosts.slice(i * size, (i + 1) * size)).filter((part) => part.length > 0);
  const starts = parts.map((part) => {
    const cell: Cell = { id: cellWorkflowId(record.ref.handle, round, cells.length, salt), hosts: part, closed: false, answer: null };
    cells.push(cell);
    return startCell(record, task, cell, null);
  });
  await Promise.all(starts);
}

/** Has another cell look after the nodes of one that was ended from outside; their processes go on. */
export async function adoptCell(record: RunRecord, task: Task, id: string, sealed: messages.RosterSealed, isEnding: boolean): Promise<void> {
  const broken = record.cells.find((cell) => cell.id === id);
  if (broken === undefined) return;
  const again = record.nodes.filter(({ host, state }) => state === 'restarting' && broken.hosts.some((held) => held.host === host));
  const nodes = broken.hosts.flatMap(({ host }) => {
    const seat = record.seats[host];
    const hasEnded = again.some((node) => node.host === host) || record.ends.some((seen) => seen.host === host);
    return seat === undefined || hasEnded ? [] : [{ host, ...seat }];
  });
  const cell: Cell = {
    ...{ id: cellWorkflowId(record.ref.handle, record.round, record.cells.length, uuid4().slice(0, 8)) },
    ...{ hosts: broken.hosts, closed: false, answer: broken.answer },
  };
  record.cells = [...record.cells.filter((other) => other !== broken), cell];
  await startCell(record, task, cell, { sealed, nodes });
  if (isEnding) return;
  // Of those nobody else would hear that they are to start again.
  for (const { host, startNumber } of again) tellRestart(record, cell, { host, startNumber, delayMs: 0 });
}

async function startCell(record: RunRecord, task: Task, cell: Cell, adopt: messages.CellInput['adopt']): Promise<void> {
  const { id: workflowId, hosts } = cell;
  const { gatherTimeoutSeconds } = task;
  const commands = task.groups.map((group) => group.commands);
  const until = task.restart.scope === 'node' ? 'dismissed' : 'ends';
  const child = await startChild(musterCell, {
    workflowId,
    taskQueue: controlQueue(record.ref.fleet),
    parentClosePolicy: ParentClosePolicy.TERMINATE,
    args: [{ run: record.ref, hosts, program: programOf(task), commands, gatherTimeoutSeconds, until, adopt }],
    staticSummary: `${hosts.length} node${hosts.length === 1 ? '' : 's'} of ${record.ref.handle}`,
  });
  child
    .result()
    .catch(() => undefined)
    .finally(() => {
      cell.closed = true;
    });
}

/** Tells the fleet which hosts the run no longer needs, and in what state they are; `all`: whatever else it has of the run is over, too. */
export async function giveBack(record: RunRecord, hosts: { clean: string[]; unclean: string[]; silent: string[] }, all = false): Promise<void> {
  const { runId, fleet } = record.ref;
  await getExternalWorkflowHandle(fleetWorkflowId(fleet))
    .signal(messages.leaseReturned, { runId, ...hosts, all })
    .catch(() => undefined);
}

function sentences(missing: readonly UngatheredHost[]): string {
  return missing.map(({ failure }) => failure.message).join('; ');
}

function timeout(late: readonly UngatheredHost[]): Failure {
  return { type: 'GatherTimeout', message: `${sentences(late)}; no other host was free in time` };
}

function failedFor(failure: Failure): Gathering {
  return { kind: 'failed', failure, lastLines: '' };
}

/** Nothing of the generation has started: it is tried again, as after a broken barrier. */
function broken(record: RunRecord, message: string): Gathering {
  const failure: Failure = { type: 'Internal', message };
  return record.barrierRetries < BARRIER_RETRIES ? { kind: 'retry', failure } : failedFor(failure);
}
