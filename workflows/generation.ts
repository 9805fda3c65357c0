import { condition, getExternalWorkflowHandle } from '@temporalio/workflow';
import type { Failure } from '../spec/failures.js';
import * as messages from '../spec/messages.js';
import type { StartReason } from '../spec/nodes.js';
import { rosterBytes, rosterDigest } from '../spec/roster.js';
import type { Task } from '../spec/task/task.js';
import { decideOutcome, type Outcome } from './decisions/outcome.js';
import { decideRoster } from './decisions/seal.js';
import { gather, tellCells } from './gather.js';
import { prepareRescale, wishFulfilled } from './rescale.js';
import { enter, markNodes, type RunRecord } from './run-record.js';

/** From the seal until all nodes must stand at the barrier. */
const BARRIER_MS = 30_000;
/** Who is not released reports it within this over the barrier's deadline. */
const BARRIER_MARGIN_MS = 10_000;
/** What the hosts may take over grace and host_timeout to report their last ends. */
const STOP_MARGIN_MS = 30_000;

/** How a generation ends: as its nodes do, or for another one. */
export type Ending = Outcome | { kind: 'stopped' } | { kind: 'rescale'; leave: string[] };

/** Gathers the run's hosts, seals the roster, delivers it and supervises until the generation's end is decided. */
export async function runGeneration(record: RunRecord, task: Task, round: number, token: string, reason: StartReason): Promise<Ending> {
  record.ends = [];
  if (record.resizing === null) enter(record, 'gathering', 'Gathering', `Gathering ${record.hosts.map(({ host }) => host).join(', ')}`);
  const gathering = await gather(record, task, round);
  if (gathering.kind === 'stopped') return { kind: 'stopped' };
  if (gathering.kind === 'failed') return { kind: 'failed', failure: gathering.failure, lastLines: '' };

  const sealed = decideRoster({
    ...{ runId: record.ref.runId, gathered: gathering.hosts, granted: record.hosts, groups: task.groups.map(({ name }) => name) },
    ...{ pinned: task.hosts, previous: record.roster, generation: record.generation },
  });
  if (sealed.kind === 'failed') return { ...sealed, lastLines: '' };
  const { roster } = sealed;
  record.roster = roster;
  record.generation = roster.generation;
  record.nodes = roster.nodes.map(({ port: _port, ...node }) => ({
    ...node,
    state: 'starting',
    exitCode: null,
    startNumber: gathering.hosts.find(({ host }) => host === node.host)?.startNumber ?? 0,
  }));
  const starts = record.nodes.map(({ rank, host, startNumber }) => ({ rank: rank ?? 0, host, startNumber }));
  record.lastStarts = [...record.lastStarts.filter(({ host }) => !starts.some((start) => start.host === host)), ...starts];
  enter(record, 'starting', 'Starting', `The roster of generation ${roster.generation} is sealed; the nodes meet at the barrier`);
  await deliver(record, token, reason);
  return supervise(record, task, round);
}

/** Signals the final list to the cells of all nodes. */
async function deliver(record: RunRecord, token: string, startReason: StartReason): Promise<void> {
  if (record.roster === null) return;
  const bytes = rosterBytes(record.roster);
  const message: messages.RosterSealed = {
    generation: record.generation,
    rosterBytes: bytes,
    digest: rosterDigest(bytes),
    token,
    barrierDeadlineMs: Date.now() + BARRIER_MS,
    startReason,
  };
  await tellCells(record.cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.rosterSealed, message));
}

async function supervise(record: RunRecord, task: Task, round: number): Promise<Ending> {
  const judge = () =>
    decideOutcome({
      ...{ ends: record.ends, nodes: record.nodes.length, generation: record.generation },
      ...{ stopCriteria: task.stopCriteria, barrierRetries: record.barrierRetries },
    });
  const decided = () => record.stopWanted !== null || record.brokenCell !== null || record.overdue || judge().kind !== 'running';
  void assumeRelease(record, (task.startup.ready?.timeoutSeconds ?? 0) * 1000);
  for (;;) {
    await condition(() => decided() || (record.phase === 'running' && record.wish !== null));
    if (decided()) break;
    const change = await prepareRescale(record, task, round, decided);
    if (change) return { kind: 'rescale', ...change };
  }
  const outcome = judge();
  if (outcome.kind === 'failed') record.lastLines = outcome.lastLines;
  if (outcome.kind !== 'running') return outcome;
  if (record.stopWanted) return { kind: 'stopped' };
  const { failure } = record.overdue ? overdue(task) : broken(record);
  return { kind: 'failed', failure, lastLines: '' };
}

/** Who is not released says so in time; when nobody does, all were, and the word of it was lost. */
async function assumeRelease(record: RunRecord, wavesMs: number): Promise<void> {
  const { generation } = record;
  const isOver = () => record.phase !== 'starting' || record.generation !== generation;
  if (!(await condition(isOver, BARRIER_MS + wavesMs + BARRIER_MARGIN_MS))) release(record);
}

function overdue({ maxDurationSeconds }: Task): { failure: Failure } {
  const message = `The run was still going ${maxDurationSeconds} s after its start, its max_duration; all nodes were stopped`;
  return { failure: { type: 'MaxDuration', message } };
}

function broken({ brokenCell }: RunRecord): { failure: Failure } {
  return { failure: { type: 'Internal', message: `Cell ${brokenCell} was ended from outside` } };
}

/** Ends every process of the generation that still lives, and waits for the hosts to say so. */
export async function endGeneration(record: RunRecord, task: Task): Promise<void> {
  const settled = () => record.cells.every(({ closed }) => closed) || (record.ends.length > 0 && record.ends.length >= record.nodes.length);
  if (settled()) return;
  if (record.phase !== 'resizing') enter(record, 'stopping', record.reason, 'Stopping all nodes');
  const mode = record.stopWanted?.mode ?? 'graceful';
  const decision = (): messages.StopDecided => ({ mode: record.stopWanted?.mode ?? mode, generation: record.generation });
  await tellCells(record.cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.stopDecided, decision()));
  const limitMs = (task.stopDurationSeconds + task.hostTimeoutSeconds) * 1000 + STOP_MARGIN_MS;
  const hurried = () => mode === 'graceful' && record.stopWanted?.mode === 'now';
  await condition(() => settled() || hurried(), limitMs);
  if (settled() || !hurried()) return;
  await tellCells(record.cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.stopDecided, decision()));
  await condition(settled, limitMs);
}

/** All nodes were released together. Told twice, or late: nothing. */
export function release(record: RunRecord): void {
  if (record.phase !== 'starting') return;
  record.releasedAtMs ??= Date.now();
  markNodes(record, 'running');
  enter(record, 'running', 'Running', record.nodes.length === 1 ? 'The node was released' : `All ${record.nodes.length} nodes were released together`);
  wishFulfilled(record);
}
