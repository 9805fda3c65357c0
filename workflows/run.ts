import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  CancelledFailure,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  proxyLocalActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { ControlActivities } from '../spec/activities.js';
import type { Failure } from '../spec/failures.js';
import { filesWorkflowId } from '../spec/ids.js';
import * as messages from '../spec/messages.js';
import type { RunStatus } from '../spec/nodes.js';
import type { Task } from '../spec/task/task.js';
import { answerReset, noticeReset } from './after-reset.js';
import { describeNeeds } from './decisions/resource-words.js';
import { lastCall } from './elastic.js';
import { noteChange } from './flapping.js';
import { dismissNewcomers, giveBack, lease } from './gather.js';
import { type Ending, endGeneration, release, resumeGeneration, runGeneration } from './generation.js';
import { hearFact } from './hear-fact.js';
import { answerFleet, hearDrained, hearGrant, hearRefusal, hearResumed, yieldHosts } from './held-hosts.js';
import { noteSizes } from './live.js';
import { awaitFences, replaceLost } from './members.js';
import { count, took } from './metrics.js';
import { recordEnds, recordRestart, recordSilence } from './node-states.js';
import { hearWish, recordWish, refuseWishes, relinkWishes } from './rescale.js';
import { carriedRecord, enter, newRecord, type RunRecord, recordUpdates, statusOf } from './run-record.js';
import { dismissSpares } from './spares.js';

/** A cell has nothing to do any more when its nodes' ends were told. */
const CELLS_CLOSE_MS = 5_000;

const { resolveTask } = proxyLocalActivities<ControlActivities>({ startToCloseTimeout: '10 seconds' });

/**
 * One run: resolves what was submitted, leases hosts, gathers them, seals the roster, tells every node, supervises
 * and ends. Fails with the type and the message of the first failure; is cancelled by a stop or a cancellation. `carried`: what it was before it
 * continued as new.
 */
export async function musterRun(submitted: unknown, carried?: RunRecord): Promise<RunStatus> {
  const record = carried === undefined ? newRecord() : carriedRecord(carried);
  relinkWishes(record);
  listen(record);
  noticeReset(record);
  const outcome = await CancellationScope.nonCancellable(() => (carried?.task ? holdGang(record, carried.task) : live(record, submitted)));
  record.endedAtMs = Date.now();
  refuseWishes(record);
  if (outcome.kind === 'succeeded') enter(record, 'succeeded', 'Succeeded', outcome.message);
  else if (outcome.kind === 'stopped') enter(record, 'cancelled', outcome.by, outcome.message);
  else enter(record, 'failed', outcome.failure.type, outcome.failure.message);
  count(record, 'muster_runs_ended', { phase: record.phase, reason: record.reason });
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  const final = statusOf(record);
  if (outcome.kind === 'succeeded') return final;
  if (outcome.kind === 'stopped' && outcome.by === 'Cancelled') throw new CancelledFailure(outcome.message, [final]);
  throw ApplicationFailure.create({ type: final.reason, message: final.message, nonRetryable: true, details: [final] });
}

type RunEnd = { kind: 'succeeded'; message: string } | { kind: 'failed'; failure: Failure } | { kind: 'stopped'; by: 'Stopped' | 'Cancelled'; message: string };

function listen(record: RunRecord): void {
  setHandler(messages.status, () => statusOf(record));
  setHandler(messages.roster, () => record.roster);
  hearFact(messages.hostsGranted, ['request', 'hosts'], (message) => hearGrant(record, message));
  hearFact(messages.hostDrained, ['host'], (message) => hearDrained(record, message));
  hearFact(messages.hostResumed, ['host'], (message) => hearResumed(record, message));
  hearFact(messages.leaseRefused, ['request', 'failure'], (message) => hearRefusal(record, message));
  hearFact(messages.fleetRebuilt, ['fleet'], ({ fleet }) => answerFleet(record, fleet));
  hearFact(messages.runReset, ['runId'], (message) => answerReset(record, message));
  hearFact(messages.hostsTaken, ['hosts', 'by'], (message) => yieldHosts(record, message));
  hearFact(messages.cellGathered, ['cell', 'gathered', 'missing'], ({ cell, gathered, missing }) => {
    const known = [...record.cells, ...(record.newcomers?.cells ?? []), ...record.spares.map((spare) => spare.cell)].find(({ id }) => id === cell);
    if (known) known.answer = { gathered, missing };
  });
  hearFact(messages.nodesReleased, ['generation'], ({ generation }) => {
    if (generation === record.generation) release(record);
    if (generation === record.change?.generation) record.change.released = true;
  });
  hearFact(messages.nodesSilent, ['cell', 'hosts', 'state'], (message) => recordSilence(record, message));
  hearFact(messages.nodeRestarted, ['cell', 'host', 'gathering', 'startNumber'], (message) => recordRestart(record, message));
  hearFact(messages.nodesEnded, ['cell', 'generation', 'ends'], (message) => recordEnds(record, message));
  hearFact(messages.nodesUpdated, ['cell', 'generation', 'updates'], (message) => recordUpdates(record, message));
  setHandler(messages.rescale, (wish) => recordWish(record, wish));
  setHandler(messages.rescaleWanted, (wish) => hearWish(record, wish));
  setHandler(messages.stop, (asked: unknown) => {
    const mode = stopMode(asked);
    if (record.stopWanted?.mode !== 'now') record.stopWanted = { mode, by: record.stopWanted?.by ?? 'Stopped' };
    return { accepted: true, message: `${record.ref.handle} is being stopped` };
  });
  CancellationScope.current().cancelRequested.catch(() => {
    record.stopWanted ??= { mode: 'graceful', by: 'Cancelled' };
  });
}

/** Who sends no data wants the polite way. */
function stopMode(asked: unknown): messages.StopMode {
  if (asked === undefined || asked === null) return 'graceful';
  const { mode = 'graceful' } = asked as { mode?: unknown };
  if (mode === 'graceful' || mode === 'now') return mode;
  throw ApplicationFailure.nonRetryable(`stop takes {"mode": "graceful"} or {"mode": "now"}, or nothing`, 'InvalidSpec');
}

async function live(record: RunRecord, submitted: unknown): Promise<RunEnd> {
  const resolved = await resolveTask(submitted, { defaultName: record.ref.handle });
  // A control worker that is older than this says nothing of them.
  record.searchAttributes = resolved.searchAttributes ?? [];
  count({ ...record, ref: { ...record.ref, fleet: resolved.ok ? resolved.task.fleet : record.ref.fleet } }, 'muster_runs_started');
  if (!resolved.ok) {
    return { kind: 'failed', failure: { type: 'InvalidSpec', message: `InvalidSpec: ${resolved.problems.join('; ')}` } };
  }
  const { task } = resolved;
  Object.assign(record, {
    task,
    warnings: resolved.warnings,
    nodesWanted: task.nodes,
    sizes: task.groups.map(({ nodes }) => nodes),
    most: task.elastic?.max ?? 0,
  });
  Object.assign(record.ref, { name: task.name, fleet: task.fleet });

  useFiles(task);
  const parts = messages.partsOf(task.groups);
  enter(record, 'queued', 'WaitingForHosts', `Waiting for ${describeNeeds(parts)} of the fleet ${task.fleet}`);
  const { hosts, queueTimeoutSeconds, unmet } = task;
  const granted = await lease(record, { parts, hosts, queueTimeoutSeconds, unmet, first: true }, () => record.stopWanted !== null);
  if (granted === null) {
    await giveBack(record, { clean: [], unclean: [], silent: [] }, true);
    return stopped(record);
  }
  if (!Array.isArray(granted)) return { kind: 'failed', failure: granted };
  record.hosts = granted;
  took(record, 'muster_queue', Date.now() - record.submittedAtMs);
  await lastCall(record, task);
  return holdGang(record, task);
}

/** Whoever keeps the task's files hears that they are in use. Nobody waits for it: the hosts say what is missing. */
function useFiles({ archives, repo }: Task): void {
  const parts = [...archives, ...(repo?.changes ? [repo.changes] : [])].flatMap((blob) => blob.parts);
  for (const part of new Set(parts)) {
    getExternalWorkflowHandle(filesWorkflowId(part))
      .signal(messages.filesUsed)
      .catch(() => undefined);
  }
}

/** One generation after the other, until the gang has ended; then the hosts are given back. */
async function holdGang(record: RunRecord, task: Task): Promise<RunEnd> {
  if (task.maxDurationSeconds !== null) void watchDuration(record, task.maxDurationSeconds);
  for (; ; record.round++) {
    if (workflowInfo().continueAsNewSuggested && record.newcomers === null && record.leaving.length === 0) await goOnAnew(record, task);
    const ending = record.resumed ? await resumeGeneration(record, task) : await runGeneration(record, task);
    if (ending.kind === 'anew') {
      await goOnLive(record, task);
      continue;
    }
    const goesOn = await nextGeneration(record, task, ending);
    if (goesOn === 'again') continue;
    await Promise.all([dismissNewcomers(record, task), dismissSpares(record, task)]);
    // A cell's end that came during the last workflow task would have the server refuse it, and cost seconds.
    await cellsClosed(record);
    await giveBack(
      record,
      leftovers(
        record,
        [...record.nodes, ...record.hosts].map(({ host }) => host),
      ),
      true,
    );
    if (goesOn !== null) return { kind: 'failed', failure: goesOn };
    if (ending.kind === 'failed' || ending.kind === 'succeeded') return ending;
    return stopped(record);
  }
}

/** Ends the generation, and readies what another one needs where there is to be one. A failure: there can be none. */
async function nextGeneration(record: RunRecord, task: Task, ending: Ending): Promise<'again' | Failure | null> {
  if (ending.kind === 'rescale') {
    enter(record, 'resizing', 'Resizing', 'All nodes are stopped, to start with the new list');
    await endGeneration(record, task);
    await changeMembers(record, task, ending.leave);
    record.barrierRetries = 0;
    record.startReason = 'rescale';
    record.replaced = [];
    return record.stopWanted ? null : 'again';
  }
  record.growth.due = false;
  if (ending.kind === 'restart') return restart(record, task, ending);
  await endGeneration(record, task);
  if (ending.kind !== 'retry' || record.stopWanted) return null;
  record.barrierRetries++;
  record.startReason = 'restart';
  return 'again';
}

/** Stops what is left of the gang while others are found for lost hosts, and waits as long as the back-off says. */
async function restart(record: RunRecord, task: Task, { failure, message, delayMs }: Ending & { kind: 'restart' }): Promise<'again' | Failure | null> {
  enter(record, 'restarting', failure.type, message);
  record.replaced = [];
  const stopped = () => record.stopWanted !== null;
  const backedOff = delayMs > 0 ? condition(stopped, delayMs, { summary: 'back-off before the restart' }) : undefined;
  const [first] = await Promise.all([replaceLost(record, task), endGeneration(record, task), backedOff]);
  // Who was lost while the others were being stopped.
  const second = first === 'replaced' ? await replaceLost(record, task) : first;
  await awaitFences(record, task);
  record.gone = [];
  record.departed = [];
  record.uncertain = false;
  record.barrierRetries = 0;
  record.startReason = 'restart';
  if (stopped() || second === null) return null;
  return second === 'replaced' ? 'again' : second;
}

/** Goes on with an empty history: between two generations nothing of the run lives but what the record says. */
async function goOnAnew(record: RunRecord, task: Task): Promise<void> {
  await dismissSpares(record, task);
  await cellsClosed(record);
  await condition(allHandlersFinished);
  // The task stands in the record; what was submitted is not read again.
  await continueAsNew<typeof musterRun>(null, { ...record, cells: [], ends: [], requests: [], granted: [], refused: [] });
}

async function cellsClosed(record: RunRecord): Promise<void> {
  await condition(() => record.cells.every(({ closed }) => closed), CELLS_CLOSE_MS, { summary: 'limit: the cells have closed' });
}

/** The same while the nodes run on: other cells take them over from those that end with this execution. */
async function goOnLive(record: RunRecord, task: Task): Promise<void> {
  await dismissSpares(record, task);
  await condition(allHandlersFinished);
  const cells = record.cells.map((cell) => ({ ...cell, closed: true }));
  await continueAsNew<typeof musterRun>(null, { ...record, cells, adoptions: -cells.length, resumed: true, requests: [], granted: [], refused: [] });
}

/** Gives back the hosts of those who leave, and counts the newcomers in. */
async function changeMembers(record: RunRecord, task: Task, leave: string[]): Promise<void> {
  noteChange(record);
  record.hosts = [...record.hosts.filter(({ host }) => !leave.includes(host)), ...(record.newcomers?.hosts ?? [])];
  noteSizes(record, task);
  if (leave.length > 0) await giveBack(record, leftovers(record, leave));
}

async function watchDuration(record: RunRecord, seconds: number): Promise<void> {
  await condition(() => record.releasedAtMs !== null);
  await sleep((record.releasedAtMs ?? 0) + seconds * 1000 - Date.now(), { summary: 'max_duration' });
  record.overdue = true;
}

/** In which state each of these hosts is given back. */
function leftovers(record: RunRecord, hosts: readonly string[]): { clean: string[]; unclean: string[]; silent: string[] } {
  const lists = { clean: [] as string[], unclean: [] as string[], silent: [] as string[] };
  for (const host of new Set(hosts)) {
    const seen = record.ends.find((other) => other.host === host)?.end;
    if (seen?.clean) lists.clean.push(host);
    else if (seen?.kind === 'failed' && seen.failure.type === 'HostLost') lists.silent.push(host);
    else lists.unclean.push(host);
  }
  return lists;
}

function stopped(record: RunRecord): RunEnd {
  const by = record.stopWanted?.by ?? 'Stopped';
  return { kind: 'stopped', by, message: by === 'Stopped' ? 'The run was stopped' : 'The workflow was cancelled' };
}
