import { setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { Failure } from '../spec/failures.js';
import type { GrantedHost } from '../spec/fleet.js';
import { DEFAULT_FLEET } from '../spec/ids.js';
import type { StopMode } from '../spec/messages.js';
import type { FormerNode, GatheredHost, NodeState, NodeStatus, Program, Resize, RunPhase, RunRef, RunStatus, UngatheredHost } from '../spec/nodes.js';
import type { Roster } from '../spec/roster.js';
import type { Task } from '../spec/task/task.js';
import { describeRun } from './decisions/details.js';
import type { SeenEnd } from './decisions/outcome.js';

/** A cell of the run, with what it has gathered. */
export interface Cell {
  id: string;
  closed: boolean;
  answer: { gathered: GatheredHost[]; missing: UngatheredHost[] } | null;
}

/** What a run knows and wants. Handlers record here; the story acts. */
export interface RunRecord {
  ref: RunRef;
  task: Task | null;
  warnings: string[];
  phase: RunPhase;
  reason: string;
  message: string;
  lastLines: string;
  generation: number;
  barrierRetries: number;
  granted: { request: string; hosts: GrantedHost[] } | null;
  /** The hosts that the run holds. */
  hosts: GrantedHost[];
  refused: { request: string; failure: Failure } | null;
  /** Cells of the current generation. */
  cells: Cell[];
  /** Hosts that wait beside the running gang, to join it in the next generation. */
  newcomers: { hosts: GrantedHost[]; cells: Cell[] } | null;
  brokenCell: string | null;
  roster: Roster | null;
  nodes: NodeStatus[];
  /** The last start on every host that the run ever had in a roster. */
  lastStarts: FormerNode[];
  ends: SeenEnd[];
  nodesWanted: number;
  /** The newest ten. */
  resizes: Resize[];
  /** The wish that was heard last, until it is taken up. */
  wish: Resize | null;
  /** The wish that the next generation fulfils. */
  resizing: Resize | null;
  /** `max_duration` has passed. */
  overdue: boolean;
  stopWanted: { mode: StopMode; by: 'Stopped' | 'Cancelled' } | null;
  submittedAtMs: number;
  releasedAtMs: number | null;
  endedAtMs: number | null;
}

export function newRecord(): RunRecord {
  const info = workflowInfo();
  return {
    ref: { handle: info.workflowId, runId: info.firstExecutionRunId, name: info.workflowId, fleet: DEFAULT_FLEET },
    task: null,
    warnings: [],
    phase: 'queued',
    reason: 'Resolving',
    message: 'Reading the task',
    lastLines: '',
    generation: 0,
    barrierRetries: 0,
    granted: null,
    hosts: [],
    refused: null,
    cells: [],
    newcomers: null,
    brokenCell: null,
    roster: null,
    nodes: [],
    lastStarts: [],
    ends: [],
    nodesWanted: 0,
    resizes: [],
    wish: null,
    resizing: null,
    overdue: false,
    stopWanted: null,
    submittedAtMs: Date.now(),
    releasedAtMs: null,
    endedAtMs: null,
  };
}

export function enter(record: RunRecord, phase: RunPhase, reason: string, message: string): void {
  Object.assign(record, { phase, reason, message });
  show(record);
}

/** Shows in the Temporal Web UI how things stand. */
export function show(record: RunRecord): void {
  setCurrentDetails(describeRun(statusOf(record)));
}

export function statusOf(record: RunRecord): RunStatus {
  return {
    run: record.ref.handle,
    runId: record.ref.runId,
    name: record.ref.name,
    fleet: record.ref.fleet,
    phase: record.phase,
    reason: record.reason,
    message: record.message,
    generation: record.generation,
    restarts: 0,
    nodesWanted: record.nodesWanted,
    resizes: record.resizes,
    nodes: record.nodes,
    formerNodes: record.lastStarts.filter(({ host }) => !record.hosts.some((held) => held.host === host)),
    warnings: record.warnings,
    submittedAtMs: record.submittedAtMs,
    releasedAtMs: record.releasedAtMs,
    endedAtMs: record.endedAtMs,
    lastLines: record.lastLines,
  };
}

/** A node of which only the host is known. */
export function gatheringNode({ host, group }: GrantedHost, { groups }: Task): NodeStatus {
  return {
    ...{ rank: null, group: groups[group]?.name ?? '', host, address: null, interface: null, id: null },
    ...{ gpus: 0, state: 'gathering', exitCode: null, startNumber: 0 },
  };
}

/** Takes what the cells report of ended nodes; what is stale or told twice is dropped. */
export function recordEnds(record: RunRecord, cell: string, generation: number, ends: { host: string; end: SeenEnd['end'] }[]): void {
  if (generation !== record.generation || !record.cells.some(({ id }) => id === cell)) return;
  for (const { host, end } of ends) {
    const node = record.nodes.find((known) => known.host === host);
    if (!node || node.rank === null || record.ends.some((seen) => seen.host === host)) continue;
    record.ends.push({ rank: node.rank, host, end });
    node.exitCode = end.kind === 'exited' ? end.code : null;
    node.state = endState(end, record.phase === 'stopping' || record.phase === 'resizing');
  }
  show(record);
}

function endState(end: SeenEnd['end'], stopping: boolean): NodeState {
  if (end.kind === 'exited' && end.code === 0) return 'succeeded';
  if (end.kind === 'failed' && end.failure.type === 'HostLost') return 'lost';
  return stopping ? 'stopped' : 'failed';
}

/** Marks all nodes that have not ended. */
export function markNodes(record: RunRecord, state: NodeState): void {
  for (const node of record.nodes) {
    if (!record.ends.some(({ host }) => host === node.host)) node.state = state;
  }
}

/** What all nodes have in common. */
export function programOf(task: Task): Omit<Program, 'commands'> {
  const { shell, env, workingDir, startup, nodesEnv, dialects, archives, repo, stopSignal, stopDurationSeconds, hostTimeoutSeconds } = task;
  return { shell, env, workingDir, startup, nodesEnv, dialects, archives, repo, stopSignal, stopDurationSeconds, hostTimeoutSeconds };
}
