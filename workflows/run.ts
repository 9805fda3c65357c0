import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  getExternalWorkflowHandle,
  proxyLocalActivities,
  setHandler,
  uuid4,
} from '@temporalio/workflow';
import type { ControlActivities } from '../spec/activities.js';
import type { Failure } from '../spec/failures.js';
import type { GrantedHost } from '../spec/fleet.js';
import * as messages from '../spec/messages.js';
import type { RunStatus } from '../spec/nodes.js';
import { rosterBytes, rosterDigest } from '../spec/roster.js';
import type { Task } from '../spec/task/task.js';
import { decideOutcome, type Outcome } from './decisions/outcome.js';
import { decideRoster } from './decisions/seal.js';
import { gather, giveBack, lease } from './gather.js';
import { enter, markNodes, newRecord, type RunRecord, recordEnds, statusOf } from './run-record.js';

/** From the seal until all nodes must stand at the barrier. */
const BARRIER_MS = 30_000;
/** What the hosts may take over grace and host_timeout to report their last ends. */
const STOP_MARGIN_MS = 30_000;

/** A cell has nothing to do any more when its nodes' ends were told. */
const CELLS_CLOSE_MS = 5_000;

const { resolveTask } = proxyLocalActivities<ControlActivities>({ startToCloseTimeout: '10 seconds' });

/**
 * One run: resolves what was submitted, leases hosts, gathers them, seals the roster, tells every node, supervises
 * and ends. Fails with the type and the message of the first failure; is cancelled by a stop or a cancellation.
 */
export async function musterRun(submitted: unknown): Promise<RunStatus> {
  const record = newRecord();
  listen(record);
  const outcome = await CancellationScope.nonCancellable(() => live(record, submitted));
  record.endedAtMs = Date.now();
  if (outcome.kind === 'succeeded') enter(record, 'succeeded', 'Succeeded', outcome.message);
  else if (outcome.kind === 'stopped') enter(record, 'cancelled', outcome.by, outcome.message);
  else enter(record, 'failed', outcome.failure.type, outcome.failure.message);
  const final = statusOf(record);
  if (outcome.kind === 'succeeded') return final;
  if (outcome.kind === 'stopped' && outcome.by === 'Cancelled') throw new CancelledFailure(outcome.message, [final]);
  throw ApplicationFailure.create({ type: final.reason, message: final.message, nonRetryable: true, details: [final] });
}

type RunEnd = { kind: 'succeeded'; message: string } | { kind: 'failed'; failure: Failure } | { kind: 'stopped'; by: 'Stopped' | 'Cancelled'; message: string };

function listen(record: RunRecord): void {
  setHandler(messages.status, () => statusOf(record));
  setHandler(messages.roster, () => record.roster);
  setHandler(messages.hostsGranted, (message) => {
    record.granted = message;
  });
  setHandler(messages.leaseRefused, (message) => {
    record.refused = message;
  });
  setHandler(messages.cellGathered, ({ cell, gathered, missing }) => {
    const known = record.cells.find(({ id }) => id === cell);
    if (known) known.answer = { gathered, missing };
  });
  setHandler(messages.nodesReleased, ({ generation }) => {
    if (generation !== record.generation || record.phase !== 'starting') return;
    record.releasedAtMs ??= Date.now();
    markNodes(record, 'running');
    enter(record, 'running', 'Running', record.nodes.length === 1 ? 'The node was released' : `All ${record.nodes.length} nodes were released together`);
  });
  setHandler(messages.nodesEnded, ({ cell, generation, ends }) => recordEnds(record, cell, generation, ends));
  setHandler(messages.stop, ({ mode }) => {
    if (record.stopWanted?.mode !== 'now') record.stopWanted = { mode, by: record.stopWanted?.by ?? 'Stopped' };
    return { accepted: true, message: `${record.ref.handle} is being stopped` };
  });
  CancellationScope.current().cancelRequested.catch(() => {
    record.stopWanted ??= { mode: 'graceful', by: 'Cancelled' };
  });
}

async function live(record: RunRecord, submitted: unknown): Promise<RunEnd> {
  const resolved = await resolveTask(submitted, { defaultName: record.ref.handle });
  if (!resolved.ok) {
    return { kind: 'failed', failure: { type: 'InvalidSpec', message: `InvalidSpec: ${resolved.problems.join('; ')}` } };
  }
  const { task } = resolved;
  Object.assign(record, { task, warnings: resolved.warnings });
  Object.assign(record.ref, { name: task.name, fleet: task.fleet });

  enter(record, 'queued', 'WaitingForHosts', `Waiting for ${task.nodes} host${task.nodes === 1 ? '' : 's'} of the fleet ${task.fleet}`);
  const { nodes, hosts, queueTimeoutSeconds } = task;
  const granted = await lease(record, { nodes, hosts, queueTimeoutSeconds, first: true });
  if (granted === null) {
    await giveBack(record, { clean: [], unclean: [], silent: [] });
    return stopped(record);
  }
  if (!Array.isArray(granted)) return { kind: 'failed', failure: granted };
  return holdGang(record, task, granted);
}

/** One generation after the other, until the gang has ended; then the hosts are given back. */
async function holdGang(record: RunRecord, task: Task, granted: GrantedHost[]): Promise<RunEnd> {
  const token = `${uuid4()}${uuid4()}`;
  record.hosts = granted;
  for (let round = 1; ; round++) {
    const outcome = await runGeneration(record, task, round, token);
    await endGeneration(record, task);
    if (outcome.kind === 'retry' && !record.stopWanted) {
      record.barrierRetries++;
      continue;
    }
    // A cell's end that came during the last workflow task would have the server refuse it, and cost seconds.
    await condition(() => record.cells.every(({ closed }) => closed), CELLS_CLOSE_MS);
    await giveBack(record, leftovers(record));
    if (outcome.kind === 'failed') return outcome;
    if (outcome.kind === 'succeeded') return outcome;
    return stopped(record);
  }
}

async function runGeneration(record: RunRecord, task: Task, round: number, token: string): Promise<Outcome | { kind: 'stopped' }> {
  record.ends = [];
  enter(record, 'gathering', 'Gathering', `Gathering ${record.hosts.map(({ host }) => host).join(', ')}`);
  const gathering = await gather(record, task, round);
  if (gathering.kind === 'stopped') return { kind: 'stopped' };
  if (gathering.kind === 'failed') return { kind: 'failed', failure: gathering.failure, lastLines: '' };

  const sealed = decideRoster({
    ...{ runId: record.ref.runId, gathered: gathering.hosts },
    ...{ pinned: task.hosts, generation: record.generation },
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
  enter(record, 'starting', 'Starting', `The roster of generation ${roster.generation} is sealed; the nodes meet at the barrier`);
  await deliver(record, token, round);
  return supervise(record, task);
}

/** Signals the final list to the cells of all nodes. */
async function deliver(record: RunRecord, token: string, round: number): Promise<void> {
  if (record.roster === null) return;
  const bytes = rosterBytes(record.roster);
  const message: messages.RosterSealed = {
    generation: record.generation,
    rosterBytes: bytes,
    digest: rosterDigest(bytes),
    token,
    barrierDeadlineMs: Date.now() + BARRIER_MS,
    startReason: round === 1 ? 'first' : 'restart',
  };
  await tellCells(record, (cell) => getExternalWorkflowHandle(cell).signal(messages.rosterSealed, message));
}

async function tellCells(record: RunRecord, tell: (cell: string) => Promise<void>): Promise<void> {
  const batch = 10;
  for (let i = 0; i < record.cells.length; i += batch) {
    await Promise.all(record.cells.slice(i, i + batch).map(({ id }) => tell(id).catch(() => undefined)));
  }
}

async function supervise(record: RunRecord, task: Task): Promise<Outcome | { kind: 'stopped' }> {
  const judge = () =>
    decideOutcome({
      ...{ ends: record.ends, nodes: record.nodes.length, generation: record.generation },
      ...{ stopCriteria: task.stopCriteria, barrierRetries: record.barrierRetries },
    });
  const decided = () => record.stopWanted !== null || record.brokenCell !== null || judge().kind !== 'running';
  const limitMs = task.maxDurationSeconds === null ? null : task.maxDurationSeconds * 1000;
  if (limitMs === null) await condition(decided);
  else {
    // A lost word of the release must not switch the limit off.
    await condition(() => decided() || record.releasedAtMs !== null, BARRIER_MS);
    const leftMs = (record.releasedAtMs ?? Date.now()) + limitMs - Date.now();
    const inTime = decided() || (leftMs > 0 && (await condition(decided, leftMs)));
    if (!inTime) {
      const message = `The run was still going ${task.maxDurationSeconds} s after its start, its max_duration; all nodes were stopped`;
      return { kind: 'failed', failure: { type: 'MaxDuration', message }, lastLines: '' };
    }
  }
  const outcome = judge();
  if (outcome.kind === 'failed') record.lastLines = outcome.lastLines;
  if (outcome.kind !== 'running') return outcome;
  if (record.stopWanted) return { kind: 'stopped' };
  return { kind: 'failed', failure: { type: 'Internal', message: `Cell ${record.brokenCell} was ended from outside` }, lastLines: '' };
}

/** Ends every process of the generation that still lives, and waits for the hosts to say so. */
async function endGeneration(record: RunRecord, task: Task): Promise<void> {
  const settled = () => record.cells.every(({ closed }) => closed) || (record.ends.length > 0 && record.ends.length >= record.nodes.length);
  if (settled()) return;
  enter(record, 'stopping', record.reason, 'Stopping all nodes');
  const mode = record.stopWanted?.mode ?? 'graceful';
  const decision = (): messages.StopDecided => ({ mode: record.stopWanted?.mode ?? mode, generation: record.generation });
  await tellCells(record, (cell) => getExternalWorkflowHandle(cell).signal(messages.stopDecided, decision()));
  const limitMs = (task.stopDurationSeconds + task.hostTimeoutSeconds) * 1000 + STOP_MARGIN_MS;
  const hurried = () => mode === 'graceful' && record.stopWanted?.mode === 'now';
  await condition(() => settled() || hurried(), limitMs);
  if (settled() || !hurried()) return;
  await tellCells(record, (cell) => getExternalWorkflowHandle(cell).signal(messages.stopDecided, decision()));
  await condition(settled, limitMs);
}

/** In which state each host of the run is given back. */
function leftovers(record: RunRecord): { clean: string[]; unclean: string[]; silent: string[] } {
  const lists = { clean: [] as string[], unclean: [] as string[], silent: [] as string[] };
  for (const { host } of record.nodes) {
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
