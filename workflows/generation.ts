import { condition, getExternalWorkflowHandle, workflowInfo } from '@temporalio/workflow';
import type { Failure } from '../spec/failures.js';
import * as messages from '../spec/messages.js';
import type { NodeStatus } from '../spec/nodes.js';
import type { Task } from '../spec/task/task.js';
import { chooseAddresses } from './addresses.js';
import type { Outcome } from './decisions/outcome.js';
import { decideRoster } from './decisions/seal.js';
import { seekGrowth } from './elastic.js';
import { adoptCell, gather, tellCells } from './gather.js';
import { conditionRearmed } from './in-time.js';
import { hasNewEnds, judgeEnds } from './judge.js';
import { isLive, outlivesItsNodes } from './live.js';
import { confirmList, leaveOut, resizeLive } from './live-change.js';
import { count, took } from './metrics.js';
import { become, markNodes, noteStarts } from './node-states.js';
import { hasChange, isMissing, prepareChange, putBack, wishForMissing, wishFulfilled } from './rescale.js';
import { type Cell, enter, type RunRecord } from './run-record.js';
import { GANG, startClock, stopClock } from './running-time.js';
import { sealedMessage } from './sealed.js';
import { keepSpares } from './spares.js';

/** From the seal until all nodes must stand at the barrier. */
const BARRIER_MS = 30_000;
/** Who is not released reports it within this over the barrier's deadline. */
const BARRIER_MARGIN_MS = 10_000;
/** What the hosts may take over grace and host_timeout to report their last ends. */
const STOP_MARGIN_MS = 30_000;
/** Nothing came of the wish for nodes in place of lost ones: it is repeated so soon at first, and ever more rarely. */
const REPLACE_FIRST_MS = 1_000;
const REPLACE_MAX_MS = 300_000;
/** Cells that have ended before their nodes are made up for so often; whoever goes on ending them wants the run to end. */
const ADOPTIONS = 10;

/** How a generation ends: as its nodes do, or for another one. `anew`: it does not, but the run is to continue as new. */
export type Ending = Exclude<Outcome, { kind: 'running' }> | { kind: 'stopped' } | { kind: 'rescale'; leave: string[] } | { kind: 'anew' };

/** Gathers the run's hosts, seals the roster, delivers it and supervises until the generation's end is decided. */
export async function runGeneration(record: RunRecord, task: Task): Promise<Ending> {
  record.ends = [];
  if (record.resizing === null) enter(record, 'gathering', 'Gathering', `Gathering ${record.hosts.map(({ host }) => host).join(', ')}`);
  const gatheredFromMs = Date.now();
  const gathering = await gather(record, task);
  if (gathering.kind !== 'gathered') return gathering;
  took(record, 'muster_gather', Date.now() - gatheredFromMs);

  const choice = chooseAddresses(record, task, gathering.hosts);
  if (choice.kind === 'failed') return { ...choice, lastLines: '' };
  const chosen = new Map(choice.hosts.map((host) => [host.host, host]));
  const addressOf = (host: string) => chosen.get(host) ?? { address: '', interface: '', reason: '' };
  const roster = decideRoster({
    ...{ runId: record.ref.runId, granted: record.hosts, groups: task.groups.map(({ name }) => name) },
    ...{ pinned: task.hosts, previous: record.roster, generation: Math.max(record.generation, record.proposed) },
    gathered: gathering.hosts.map((host) => ({ ...host, address: addressOf(host.host).address, interface: addressOf(host.host).interface })),
  });
  record.roster = roster;
  record.generation = roster.generation;
  count(record, 'muster_generations_sealed', { reason: record.startReason });
  const startNumbers = new Map(gathering.hosts.map(({ host, startNumber }) => [host, startNumber]));
  const sinceMs = Date.now();
  record.nodes = roster.nodes.map(({ port: _port, ...node }) => {
    const addressReason = addressOf(node.host).reason;
    return { ...node, addressReason, state: 'starting', exitCode: null, startNumber: startNumbers.get(node.host) ?? 0, sinceMs, lastLine: '' };
  });
  record.seats = Object.fromEntries(
    record.cells.flatMap(({ id, answer }) => (answer?.gathered ?? []).map(({ host, startNumber }) => [host, { gathering: id, startNumber }])),
  );
  noteStarts(record);
  record.barrierDeadlineMs = Date.now() + BARRIER_MS;
  enter(record, 'starting', 'Starting', `The roster of generation ${roster.generation} is sealed; the nodes meet at the barrier`);
  const message = sealedMessage(task, record, { ...record, roster });
  await tellCells(record.cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.rosterSealed, message));
  return await superviseToEnd(record, task);
}

/** Goes on with a generation whose nodes have run on while the run continued as new. */
export async function resumeGeneration(record: RunRecord, task: Task): Promise<Ending> {
  record.resumed = false;
  return await superviseToEnd(record, task);
}

async function superviseToEnd(record: RunRecord, task: Task): Promise<Ending> {
  const ending = await supervise(record, task);
  if (ending.kind === 'anew') return ending;
  for (const name of Object.keys(record.clocks)) stopClock(record.clocks, name);
  return ending;
}

async function supervise(record: RunRecord, task: Task): Promise<Ending> {
  const gang: { ending: Ending | null } = { ending: null };
  const decided = () => gang.ending !== null || record.stopWanted !== null || record.overdue;
  const judging = judge(record, task, gang, decided);
  const seeking = Promise.all([seekGrowth(record, task, decided), keepSpares(record, task, decided)]);
  void assumeRelease(record, (task.startup.ready?.timeoutSeconds ?? 0) * 1000);
  const isIdle = () =>
    record.phase !== 'running' || lostCells(record, task).length > 0 || !(record.departed.length > 0 || record.uncertain || hasChange(record, task));
  let pauseMs = REPLACE_FIRST_MS;
  for (;;) {
    await condition(() => decided() || !isIdle() || goesOnLive(record, task));
    if (decided()) break;
    // A wish that waits is taken up by the next execution: changes that follow one another closely are not to make one long history.
    if (goesOnLive(record, task)) {
      gang.ending = { kind: 'anew' };
      break;
    }
    // What it was woken for may be taken back by then.
    if (isIdle()) continue;
    if (record.departed.length === 0 && record.uncertain) {
      await confirmList(record, task, decided);
      continue;
    }
    if (record.departed.length > 0) {
      const outcome = await leaveOut(record, task, decided);
      if (outcome !== null) gang.ending ??= outcome;
      continue;
    }
    const isOwn = wishForMissing(record, task);
    const change = await prepareChange(record, task, decided);
    if (change && decided()) await putBack(record, task);
    else if (change && isLive(task)) await resizeLive(record, task, change.leave, decided);
    else if (change) gang.ending = { kind: 'rescale', ...change };
    if (!isOwn) continue;
    if (!isMissing(record, task)) pauseMs = REPLACE_FIRST_MS;
    // Nobody has asked for it, so nobody would ask for less: what is refused is tried again, ever more rarely.
    else if (
      await condition(() => decided() || (record.wish?.id ?? '') !== '' || record.departed.length > 0, pauseMs, { summary: 'asks for the missing nodes again' })
    )
      continue;
    else pauseMs = Math.min(pauseMs * 2, REPLACE_MAX_MS);
  }
  await judging;
  if (gang.ending?.kind === 'anew') await seeking;
  if (gang.ending?.kind === 'failed') record.lastLines = gang.ending.lastLines;
  if (gang.ending !== null) return gang.ending;
  if (record.stopWanted) return { kind: 'stopped' };
  return { kind: 'failed', failure: overdue(task), lastLines: '' };
}

/** Looks at every end as it comes, and at cells that were ended from outside, until something decides about the whole gang. */
async function judge(record: RunRecord, task: Task, gang: { ending: Ending | null }, decided: () => boolean): Promise<void> {
  for (;;) {
    await condition(() => decided() || hasNewEnds(record) || lostCells(record, task).length > 0);
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
function lostCells(record: RunRecord, task: Task, isEnding = false): Cell[] {
  // Also who has ended takes part in changes of the list; who waits to be started again has nothing to be ended.
  const isOver = ({ host }: NodeStatus) => (isEnding || !isLive(task)) && record.ends.some((seen) => seen.host === host);
  const isOpen = (node: NodeStatus) => node.rank !== null && !(isEnding && node.state === 'restarting') && !isOver(node);
  const open = record.nodes.filter(isOpen).map(({ host }) => host);
  return record.cells.filter(({ closed, hosts }) => closed && hosts.some(({ host }) => open.includes(host)));
}

/** Makes up for lost cells. A failure: it was done often enough. */
async function mendCells(record: RunRecord, task: Task, isEnding = false): Promise<Failure | null> {
  for (const { id } of lostCells(record, task, isEnding)) {
    if (record.adoptions++ >= ADOPTIONS) return { type: 'Internal', message: `Cell ${id} was ended from outside` };
    if (record.roster) await adoptCell(record, task, id, sealedMessage(task, record, { ...record, roster: record.roster }), isEnding);
  }
  return null;
}

/** Is the history long, and nothing under way that this execution would take along? */
function goesOnLive(record: RunRecord, task: Task): boolean {
  const { phase, newcomers, leaving, growth, uncertain, departed } = record;
  return (
    workflowInfo().continueAsNewSuggested &&
    isLive(task) &&
    phase === 'running' &&
    lostCells(record, task).length === 0 &&
    newcomers === null &&
    !uncertain &&
    departed.length + leaving.length + growth.hosts.length === 0
  );
}

/** Who is not released says so in time; when nobody does, all were, and the word of it was lost. */
async function assumeRelease(record: RunRecord, wavesMs: number): Promise<void> {
  const { generation } = record;
  const isOver = () => record.phase !== 'starting' || record.generation !== generation;
  if (!(await conditionRearmed(isOver, BARRIER_MS + wavesMs + BARRIER_MARGIN_MS, 'limit: all nodes have met at the barrier'))) release(record);
}

function overdue({ maxDurationSeconds }: Task): Failure {
  const message = `The run was still going ${maxDurationSeconds} s after its start, its max_duration; all nodes were stopped`;
  return { type: 'MaxDuration', message };
}

/** Ends every process of the generation that still lives, and waits for the hosts to say so. */
export async function endGeneration(record: RunRecord, task: Task): Promise<void> {
  const allEnded = () => record.ends.length > 0 && record.ends.length >= record.nodes.length;
  const settled = () => allEnded() || (record.cells.every(({ closed }) => closed) && lostCells(record, task, true).length === 0);
  if (!settled()) {
    if (record.phase !== 'resizing' && record.phase !== 'restarting') enter(record, 'stopping', record.reason, 'Stopping all nodes');
    const limitMs = (task.stopDurationSeconds + task.hostTimeoutSeconds) * 1000 + STOP_MARGIN_MS;
    while (!settled() && (await mendCells(record, task, true)) === null) {
      const mode = record.stopWanted?.mode ?? 'graceful';
      // Some may have taken over a list that came to nothing.
      const decision: messages.StopDecided = { mode, generation: Math.max(record.generation, record.proposed) };
      await tellCells(record.cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.stopDecided, decision));
      const hurried = () => mode === 'graceful' && record.stopWanted?.mode === 'now';
      if (!(await conditionRearmed(() => settled() || hurried() || lostCells(record, task, true).length > 0, limitMs, 'limit: all nodes have stopped'))) break;
    }
  }
  // Who was about to start again does not any more.
  for (const node of record.nodes) if (node.state === 'restarting') become(node, 'stopped');
  if (!outlivesItsNodes(task)) return;
  const open = record.cells.filter(({ closed }) => !closed);
  await tellCells(open, (cell) => getExternalWorkflowHandle(cell).signal(messages.cellDismissed));
}

/** All nodes were released together. Told twice, or late: nothing. */
export function release(record: RunRecord): void {
  if (record.phase !== 'starting') return;
  record.releasedAtMs ??= Date.now();
  took(record, 'muster_barrier', Date.now() - (record.barrierDeadlineMs - BARRIER_MS));
  markNodes(record, 'running');
  for (const name of [GANG, ...record.nodes.map(({ host }) => host)]) startClock(record.clocks, name);
  enter(record, 'running', 'Running', record.nodes.length === 1 ? 'The node was released' : `All ${record.nodes.length} nodes were released together`);
  wishFulfilled(record);
}
