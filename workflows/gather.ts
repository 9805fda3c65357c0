import { condition, getExternalWorkflowHandle, ParentClosePolicy, proxyActivities, startChild, uuid4, workflowInfo } from '@temporalio/workflow';
import type { ControlActivities } from '../spec/activities.js';
import type { Failure } from '../spec/failures.js';
import type { GrantedHost } from '../spec/fleet.js';
import { cellWorkflowId, controlQueue, fleetWorkflowId } from '../spec/ids.js';
import * as messages from '../spec/messages.js';
import type { GatheredHost, UngatheredHost } from '../spec/nodes.js';
import type { Task } from '../spec/task/task.js';
import { musterCell } from './cell.js';
import { describeCell } from './decisions/details.js';
import { withoutDrained } from './decisions/drained.js';
import { BARRIER_RETRIES, type Outcome } from './decisions/outcome.js';
import { LATE_MS } from './decisions/silence.js';
import { noteRefused } from './flapping.js';
import { claimHosts } from './held-hosts.js';
import { conditionRearmed } from './in-time.js';
import { judgeLost, judgeRefusal } from './judge.js';
import { isLive, outlivesItsNodes } from './live.js';
import { gatheringNode } from './node-states.js';
import { programOf } from './program.js';
import { type Cell, enter, type RunRecord, stopTermsOf } from './run-record.js';
import { tellRestart } from './tell-restart.js';

/** Nodes that one cell looks after. Measured: design, section 9. */
const CELL_SIZE = 50;
/** Temporal takes 400 bytes; a handle may be longer. */
const MOST_SUMMARY = 130;
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
  record.requests.push(request);
  if (record.hosts.length > 0) claimHosts(record);
  const askedAtMs = Date.now();
  let deadlineMs = askedAtMs + wish.queueTimeoutSeconds * 1000;
  const message: messages.LeaseRequested = { run: record.ref, request, ...wish, except: [], extra: false, stop: stopTermsOf(record), askedAtMs, deadlineMs };
  const grantOf = () => record.granted.find((grant) => grant.request === request);
  const refusalOf = () => record.refused.find((refusal) => refusal.request === request);
  const answered = () => grantOf() !== undefined || refusalOf() !== undefined || interrupted();
  let inTime = false;
  // A fleet that was begun anew at the last moment is asked again, and has its time to answer.
  for (let waitMs = REPEAT_FIRST_MS; !inTime && Date.now() < deadlineMs + MARGIN_MS; waitMs = Math.min(waitMs * 2, REPEAT_MAX_MS)) {
    const { fleetRebuilds } = record;
    tellFleet(fleet, message);
    const toldAtMs = Date.now();
    const leftMs = deadlineMs - toldAtMs;
    const limitMs = leftMs <= waitMs ? leftMs + MARGIN_MS : waitMs;
    inTime =
      (await condition(() => answered() || record.fleetRebuilds > fleetRebuilds, limitMs, { summary: `asks the fleet ${fleet} for hosts again` })) &&
      answered();
    const passedMs = Date.now() - toldAtMs;
    // Time that went by while Temporal was away counts for nothing.
    if (passedMs > limitMs + LATE_MS) deadlineMs += passedMs;
  }
  const refused = refusalOf();
  const granted = endRequest(record, request);
  if (granted) return granted;
  if (refused) return refused.failure;
  await getExternalWorkflowHandle(fleetWorkflowId(fleet))
    .signal(messages.leaseWithdrawn, { request })
    .catch(() => undefined);
  if (inTime) return null;
  return { type: 'QueueTimeout', message: `The fleet ${fleet} did not answer; is a control worker running for it?` };
}

/**
 * Asks the fleet for more hosts, up to `nodes` of group 0, of what nobody else waits for, and waits until there is at least one. Null: interrupted, or nothing
 * within `limitMs`; the wish is withdrawn.
 */
export async function leaseExtra(
  record: RunRecord,
  task: Task,
  { nodes, except, limitMs }: { nodes: number; except: string[]; limitMs: number },
  interrupted: () => boolean,
): Promise<GrantedHost[] | null> {
  const request = uuid4();
  record.requests.push(request);
  const { fleet } = record.ref;
  const parts = messages.partsOf(task.groups).map((part) => ({ ...part, nodes: part.group === 0 ? nodes : 0 }));
  const message: messages.LeaseRequested = {
    ...{ run: record.ref, request, parts, hosts: null, except, extra: true, first: false, unmet: 'wait', stop: stopTermsOf(record) },
    ...{ askedAtMs: Date.now(), queueTimeoutSeconds: 0, deadlineMs: Number.MAX_SAFE_INTEGER },
  };
  const isGranted = () => record.granted.some((grant) => grant.request === request);
  const endsAtMs = Date.now() + limitMs;
  for (let isOver = false; !isOver; ) {
    const { fleetRebuilds } = record;
    tellFleet(fleet, message);
    const heard = () => isGranted() || interrupted() || record.fleetRebuilds > fleetRebuilds;
    if (limitMs === Number.POSITIVE_INFINITY) await condition(heard);
    else isOver = !(await condition(heard, Math.max(1, endsAtMs - Date.now()), { summary: 'waits for extra hosts so long' }));
    isOver ||= isGranted() || interrupted();
  }
  const granted = endRequest(record, request);
  if (granted) return granted;
  await getExternalWorkflowHandle(fleetWorkflowId(fleet))
    .signal(messages.leaseWithdrawn, { request })
    .catch(() => undefined);
  return null;
}

/** Nobody waits for the answer any more; what was granted by now. */
function endRequest(record: RunRecord, request: string): GrantedHost[] | undefined {
  const granted = record.granted.find((grant) => grant.request === request);
  record.requests = record.requests.filter((other) => other !== request);
  record.granted = record.granted.filter((grant) => grant !== granted);
  record.refused = record.refused.filter((refusal) => refusal.request !== request);
  return granted?.hosts;
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
    const inTime = await conditionRearmed(
      () => answered() || record.stopWanted !== null || brokenCell() !== undefined,
      answerLimitMs(task),
      'limit: all hosts are gathered',
    );
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
  const { hosts: known, cells } = record.newcomers ?? { hosts: [], cells: [] };
  record.newcomers = { hosts: [...known, ...hosts.filter((host) => !known.includes(host))], cells };
  await startCells(record, task, cells, hosts, record.round + 1);
  const answered = () => cells.every(({ answer, closed }) => answer !== null || closed);
  const inTime = await condition(() => answered() || interrupted(), answerLimitMs(task), { summary: 'limit: the newcomers are gathered' });
  const missing = cells.flatMap(({ answer }) => answer?.missing ?? []);
  const lost = !inTime || cells.some(({ closed }) => closed);
  if (!lost && !interrupted() && missing.length === 0) return 'gathered';
  // Before they are free again.
  if (!interrupted()) noteRefused(record, task, hosts);
  await dismissNewcomers(record, task);
  if (interrupted()) return 'interrupted';
  return { refused: missing.length > 0 ? sentences(missing) : 'the cells of the newcomers did not answer' };
}

/** Ends what waits on the newcomers' hosts and gives the hosts back. */
export async function dismissNewcomers(record: RunRecord, task: Task): Promise<void> {
  const { newcomers } = record;
  record.newcomers = null;
  if (newcomers !== null) await dismiss(record, task, newcomers);
}

/** Ends what waits on these hosts and gives them back. */
export async function dismiss(record: RunRecord, task: Task, { cells, hosts }: NonNullable<RunRecord['newcomers']>): Promise<void> {
  await tellCells(cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.stopDecided, { mode: 'now', generation: 0 }));
  await condition(() => cells.every(({ closed }) => closed), answerLimitMs(task), { summary: 'limit: what waits on the newcomers has ended' });
  const silent = cells.flatMap(({ answer }) => answer?.missing ?? []).flatMap(({ host, kind }) => (kind === 'silent' ? [host] : []));
  const unclean = hosts.flatMap(({ host }) => (silent.includes(host) ? [] : [host]));
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

export async function startCells(record: RunRecord, task: Task, cells: Cell[], hosts: GrantedHost[], round: number): Promise<void> {
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
    const over = again.some((node) => node.host === host) || record.ends.some((seen) => seen.host === host);
    return seat === undefined || (over && !isLive(task)) ? [] : [{ host, ...seat, over }];
  });
  const cell: Cell = {
    ...{ id: cellWorkflowId(record.ref.handle, record.round, record.cells.length, uuid4().slice(0, 8)) },
    ...{ hosts: broken.hosts, closed: false, answer: broken.answer },
  };
  record.cells = [...record.cells.filter((other) => other !== broken), cell];
  await startCell(record, task, cell, { sealed, nodes });
  if (isEnding) return;
  // It is asked about the change that is being made as the others are.
  if (record.change !== null) await tellCells([cell], (own) => getExternalWorkflowHandle(own).signal(messages.changeProposed, record.change?.sealed ?? sealed));
  // Of those nobody else would hear that they are to start again.
  for (const { host, startNumber } of again) tellRestart(record, cell, { host, startNumber, delayMs: 0 });
}

async function startCell(record: RunRecord, task: Task, cell: Cell, adopt: messages.CellInput['adopt']): Promise<void> {
  const { id: workflowId, hosts } = cell;
  const { gatherTimeoutSeconds } = task;
  const commands = task.groups.map((group) => group.commands);
  const until = outlivesItsNodes(task) ? 'dismissed' : 'ends';
  const child = await startChild(musterCell, {
    workflowId,
    taskQueue: controlQueue(record.ref.fleet),
    parentClosePolicy: ParentClosePolicy.TERMINATE,
    args: [{ run: record.ref, hosts, program: programOf(task, record), commands, gatherTimeoutSeconds, until, adopt }],
    staticSummary: `${hosts.length} node${hosts.length === 1 ? '' : 's'} of ${record.ref.handle}`.slice(0, MOST_SUMMARY),
    staticDetails: describeCell(
      workflowInfo().namespace,
      record.ref.handle,
      hosts.map(({ host }) => host),
    ),
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
  record.drained = withoutDrained(record.drained, [...hosts.clean, ...hosts.unclean, ...hosts.silent]);
  record.givenBack ||= all;
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
