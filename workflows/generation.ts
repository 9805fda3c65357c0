import { condition, getExternalWorkflowHandle } from '@temporalio/workflow';
import type { Failure } from '../spec/failures.js';
import * as messages from '../spec/messages.js';
import type { NodeStatus } from '../spec/nodes.js';
import { rosterBytes, rosterDigest } from '../spec/roster.js';
import { preflightFor } from '../spec/task/preflight.js';
import type { Task } from '../spec/task/task.js';
import { chooseAddresses } from './addresses.js';
import type { Outcome } from './decisions/outcome.js';
import { decideRoster } from './decisions/seal.js';
import { adoptCell, gather, tellCells } from './gather.js';
import { conditionRearmed } from './in-time.js';
import { hasNewEnds, judgeEnds } from './judge.js';
import { prepareRescale, putBack, wishFulfilled } from './rescale.js';
import { type Cell, enter, markNodes, noteStarts, type RunRecord } from './run-record.js';
import { GANG, startClock, stopClock } from './running-time.js';

/** From the seal until all nodes must stand at the barrier. */
const BARRIER_MS = 30_000;
/** Who is not released reports it within this over the barrier's deadline. */
const BARRIER_MARGIN_MS = 10_000;
/** What the hosts may take over grace and host_timeout to report their last ends. */
const STOP_MARGIN_MS = 30_000;
/** Cells that have ended before their nodes are made up for so often; whoever goes on ending them wants the run to end. */
const ADOPTIONS = 10;

/** How a generation ends: as its nodes do, or for another one. */
export type Ending = Exclude<Outcome, { kind: 'running' }> | { kind: 'stopped' } | { kind: 'rescale'; leave: string[] };

/** Gathers the run's hosts, seals the roster, delivers it and supervises until the generation's end is decided. */
export async function runGeneration(record: RunRecord, task: Task): Promise<Ending> {
  record.ends = [];
  if (record.resizing === null) enter(record, 'gathering', 'Gathering', `Gathering ${record.hosts.map(({ host }) => host).join(', ')}`);
  const gathering = await gather(record, task);
  if (gathering.kind !== 'gathered') return gathering;

  const choice = chooseAddresses(record, task, gathering.hosts);
  if (choice.kind === 'failed') return { ...choice, lastLines: '' };
  const chosen = new Map(choice.hosts.map((host) => [host.host, host]));
  const addressOf = (host: string) => chosen.get(host) ?? { address: '', interface: '', reason: '' };
  const roster = decideRoster({
    ...{ runId: record.ref.runId, granted: record.hosts, groups: task.groups.map(({ name }) => name) },
    ...{ pinned: task.hosts, previous: record.roster, generation: record.generation },
    gathered: gathering.hosts.map((host) => ({ ...host, address: addressOf(host.host).address, interface: addressOf(host.host).interface })),
  });
  record.roster = roster;
  record.generation = roster.generation;
  const startNumbers = new Map(gathering.hosts.map(({ host, startNumber }) => [host, startNumber]));
  record.nodes = roster.nodes.map(({ port: _port, ...node }) => {
    const addressReason = addressOf(node.host).reason;
    return { ...node, addressReason, state: 'starting', exitCode: null, startNumber: startNumbers.get(node.host) ?? 0 };
  });
  record.seats = Object.fromEntries(
    record.cells.flatMap(({ id, answer }) => (answer?.gathered ?? []).map(({ host, startNumber }) => [host, { gathering: id, startNumber }])),
  );
  noteStarts(record);
  record.barrierDeadlineMs = Date.now() + BARRIER_MS;
  enter(record, 'starting', 'Starting', `The roster of generation ${roster.generation} is sealed; the nodes meet at the barrier`);
  const message = sealedMessage(task, record);
  await tellCells(record.cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.rosterSealed, message));
  const ending = await supervise(record, task);
  for (const name of Object.keys(record.clocks)) stopClock(record.clocks, name);
  return ending;
}

/** The final list, as the cells of all nodes hear of it. */
function sealedMessage(
  { preflight: wanted }: Task,
  { roster, hosts, generation, token, barrierDeadlineMs, startReason, replaced, fence: former }: RunRecord,
): messages.RosterSealed {
  const bytes = roster === null ? '' : rosterBytes(roster);
  // Who is back needs no fence: its agent has ended what it had.
  const fence = former.filter(({ host }) => !roster?.nodes.some((node) => node.host === host));
  return {
    generation,
    rosterBytes: bytes,
    digest: rosterDigest(bytes),
    identities: (roster?.nodes ?? []).map((node) => hosts.find(({ host }) => host === node.host)?.identity ?? ''),
    token,
    barrierDeadlineMs,
    startReason,
    replaced,
    fence,
    preflight: preflightFor(wanted, roster?.nodes.length ?? 0),
  };
}

async function supervise(record: RunRecord, task: Task): Promise<Ending> {
  const gang: { ending: Ending | null } = { ending: null };
  const decided = () => gang.ending !== null || record.stopWanted !== null || record.overdue;
  const judging = judge(record, task, gang, decided);
  void assumeRelease(record, (task.startup.ready?.timeoutSeconds ?? 0) * 1000);
  for (;;) {
    await condition(() => decided() || (record.phase === 'running' && record.wish !== null));
    if (decided()) break;
    const change = await prepareRescale(record, task, decided);
    if (change && !decided()) gang.ending = { kind: 'rescale', ...change };
    else if (change) await putBack(record, task);
  }
  await judging;
  if (gang.ending?.kind === 'failed') record.lastLines = gang.ending.lastLines;
  if (gang.ending !== null) return gang.ending;
  if (record.stopWanted) return { kind: 'stopped' };
  return { kind: 'failed', failure: overdue(task), lastLines: '' };
}

/** Looks at every end as it comes, and at cells that were ended from outside, until something decides about the whole gang. */
async function judge(record: RunRecord, task: Task, gang: { ending: Ending | null }, decided: () => boolean): Promise<void> {
  for (;;) {
    await condition(() => decided() || hasNewEnds(record) || lostCells(record).length > 0);
    if (hasNewEnds(record)) {
      const outcome = judgeEnds(record, task);
      if (outcome.kind !== 'running') gang.ending ??= outcome;
    }
    if (decided()) return;
    const failure = await mendCells(record, task);
    if (failure) gang.ending ??= { kind: 'failed', failure, lastLines: '' };
  }
}

/** Cells that have ended before their nodes: ended from outside, or in the run's life before it was reset. */
function lostCells(record: RunRecord, isEnding = false): Cell[] {
  // Who waits to be started again has nothing to be ended.
  const isOpen = ({ host, rank, state }: NodeStatus) =>
    rank !== null && !(isEnding && state === 'restarting') && !record.ends.some((seen) => seen.host === host);
  const open = record.nodes.filter(isOpen).map(({ host }) => host);
  return record.cells.filter(({ closed, hosts }) => closed && hosts.some(({ host }) => open.includes(host)));
}

/** Makes up for lost cells. A failure: it was done often enough. */
async function mendCells(record: RunRecord, task: Task, isEnding = false): Promise<Failure | null> {
  for (const { id } of lostCells(record, isEnding)) {
    if (record.adoptions++ >= ADOPTIONS) return { type: 'Internal', message: `Cell ${id} was ended from outside` };
    await adoptCell(record, task, id, sealedMessage(task, record), isEnding);
  }
  return null;
}

/** Who is not released says so in time; when nobody does, all were, and the word of it was lost. */
async function assumeRelease(record: RunRecord, wavesMs: number): Promise<void> {
  const { generation } = record;
  const isOver = () => record.phase !== 'starting' || record.generation !== generation;
  if (!(await conditionRearmed(isOver, BARRIER_MS + wavesMs + BARRIER_MARGIN_MS))) release(record);
}

function overdue({ maxDurationSeconds }: Task): Failure {
  const message = `The run was still going ${maxDurationSeconds} s after its start, its max_duration; all nodes were stopped`;
  return { type: 'MaxDuration', message };
}

/** Ends every process of the generation that still lives, and waits for the hosts to say so. */
export async function endGeneration(record: RunRecord, task: Task): Promise<void> {
  const allEnded = () => record.ends.length > 0 && record.ends.length >= record.nodes.length;
  const settled = () => allEnded() || (record.cells.every(({ closed }) => closed) && lostCells(record, true).length === 0);
  if (!settled()) {
    if (record.phase !== 'resizing' && record.phase !== 'restarting') enter(record, 'stopping', record.reason, 'Stopping all nodes');
    const limitMs = (task.stopDurationSeconds + task.hostTimeoutSeconds) * 1000 + STOP_MARGIN_MS;
    while (!settled() && (await mendCells(record, task, true)) === null) {
      const mode = record.stopWanted?.mode ?? 'graceful';
      const decision: messages.StopDecided = { mode, generation: record.generation };
      await tellCells(record.cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.stopDecided, decision));
      const hurried = () => mode === 'graceful' && record.stopWanted?.mode === 'now';
      if (!(await conditionRearmed(() => settled() || hurried() || lostCells(record, true).length > 0, limitMs))) break;
    }
  }
  // Who was about to start again does not any more.
  for (const node of record.nodes) if (node.state === 'restarting') node.state = 'stopped';
  if (task.restart.scope !== 'node') return;
  const open = record.cells.filter(({ closed }) => !closed);
  await tellCells(open, (cell) => getExternalWorkflowHandle(cell).signal(messages.cellDismissed));
}

/** All nodes were released together. Told twice, or late: nothing. */
export function release(record: RunRecord): void {
  if (record.phase !== 'starting') return;
  record.releasedAtMs ??= Date.now();
  markNodes(record, 'running');
  for (const name of [GANG, ...record.nodes.map(({ host }) => host)]) startClock(record.clocks, name);
  enter(record, 'running', 'Running', record.nodes.length === 1 ? 'The node was released' : `All ${record.nodes.length} nodes were released together`);
  wishFulfilled(record);
}
