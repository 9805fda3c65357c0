import { setCurrentDetails, uuid4, workflowInfo } from '@temporalio/workflow';
import type { FormerSeat } from '../spec/activities.js';
import type { Failure } from '../spec/failures.js';
import type { GrantedHost, StopTerms } from '../spec/fleet.js';
import { DEFAULT_FLEET } from '../spec/ids.js';
import type { NodeRestarted, NodesEnded, NodesSilent, NodesUpdated, RosterSealed, StopMode } from '../spec/messages.js';
import type {
  FailureNote,
  FormerNode,
  GatheredHost,
  NodeState,
  NodeStatus,
  Program,
  Resize,
  RunPhase,
  RunRef,
  RunStatus,
  StartReason,
  UngatheredHost,
} from '../spec/nodes.js';
import type { Roster } from '../spec/roster.js';
import type { Task } from '../spec/task/task.js';
import type { Unreachable } from './decisions/address/settle.js';
import { describeRun } from './decisions/details.js';
import type { SeenEnd } from './decisions/outcome.js';
import { type Charge, restartsLeft } from './decisions/restart.js';
import { type Clock, ranMs, startClock } from './running-time.js';
import { scheduledTime } from './scheduled-time.js';

/** A cell of the run, with what it has gathered. */
export interface Cell {
  id: string;
  hosts: GrantedHost[];
  closed: boolean;
  answer: { gathered: GatheredHost[]; missing: UngatheredHost[] } | null;
}

/** A node's start, as its host knows it. */
export interface SeatStart {
  gathering: string;
  startNumber: number;
}

/** What a run knows and wants: plain JSON, so that it can continue as new. Handlers record here; the story acts. */
export interface RunRecord {
  ref: RunRef;
  task: Task | null;
  /** For when a schedule started the run, in UTC: `2026-01-31T01:00:00Z`; null: somebody else has. */
  scheduledTime: string | null;
  /** Whoever has it may meet the run's nodes. */
  token: string;
  /** The execution of which it heard that a reset has begun it. */
  heardResetTo: string;
  /** How many times hosts were gathered; part of the ids of cells. */
  round: number;
  /** Why the next generation starts. */
  startReason: StartReason;
  warnings: string[];
  phase: RunPhase;
  reason: string;
  message: string;
  lastLines: string;
  generation: number;
  barrierRetries: number;
  barrierDeadlineMs: number;
  /** What was charged to the budgets, and the running time of what it was charged for. */
  charges: Charge[];
  /** By host; the whole gang under the empty name. */
  clocks: Record<string, Clock>;
  failures: FailureNote[];
  /** Ways between hosts that were proven closed. */
  unreachable: Unreachable[];
  /** Hosts that took the place of lost ones in this generation. */
  replaced: string[];
  /** Hosts that could not be gathered again: they are silent, or what they had of the run is lost. */
  gone: { host: string; silent: boolean }[];
  /** Seats of lost hosts, which may still hold processes. */
  fence: FormerSeat[];
  /** Requests whose answer is waited for. */
  requests: string[];
  /** What the fleet has answered to these, until it is taken up. */
  granted: { request: string; hosts: GrantedHost[] }[];
  /** The hosts that the run holds. */
  hosts: GrantedHost[];
  /** It is over, and holds none of them any more. */
  givenBack: boolean;
  /** Those of its hosts, newcomers too, that somebody wants out of use. */
  drained: string[];
  refused: { request: string; failure: Failure }[];
  /** How often its fleet has forgotten what waits. */
  fleetRebuilds: number;
  /** Cells of the current generation. */
  cells: Cell[];
  /** Hosts that wait beside the running gang, to join it in the next generation. */
  newcomers: { hosts: GrantedHost[]; cells: Cell[] } | null;
  /** A change of the list that is being made while the gang runs. */
  change: { generation: number; sealed: RosterSealed; released: boolean; reports: NodesUpdated[]; ends: NodesEnded[] } | null;
  /** How often a change has failed that was tried again. */
  changeTries: number;
  /** The highest generation that was proposed; what came of it or not. */
  proposed: number;
  /** A change came to nothing, and some may have taken it over: all are to get the list as it is, under a newer generation. */
  uncertain: boolean;
  /** Lost hosts without which the gang is to go on. */
  departed: string[];
  /** Hosts that have left the run, whose nodes are being ended; and how those ended. */
  leaving: string[];
  formerEnds: NodesEnded['ends'];
  /** Hosts that are held ready to take the place of lost ones, each prepared by a cell of its own. */
  spares: { host: GrantedHost; cell: Cell }[];
  /** Hosts by which an elastic run is to grow; `due`: no more are waited for. */
  growth: { hosts: GrantedHost[]; due: boolean };
  /** How many nodes an elastic run may have now: as many as somebody wished for, or its maximum. */
  most: number;
  /** When members came and went, the newest last; and who was lost when. Epoch milliseconds. */
  changedAtMs: number[];
  lostAtMs: Record<string, number>;
  /** It has continued as new while its nodes run on. */
  resumed: boolean;
  /** How often a cell was made up for that had ended before its nodes. */
  adoptions: number;
  roster: Roster | null;
  nodes: NodeStatus[];
  /** The last start on every host that the run ever had in a roster. */
  lastStarts: FormerNode[];
  ends: SeenEnd[];
  /** The newest start of every node of the generation, by host. */
  seats: Record<string, SeatStart>;
  nodesWanted: number;
  /** How many nodes each group is to have. */
  sizes: number[];
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
    scheduledTime: scheduledTime(),
    token: `${uuid4()}${uuid4()}`,
    heardResetTo: '',
    round: 1,
    startReason: 'first',
    warnings: [],
    phase: 'queued',
    reason: 'Resolving',
    message: 'Reading the task',
    lastLines: '',
    generation: 0,
    barrierRetries: 0,
    barrierDeadlineMs: 0,
    charges: [],
    clocks: {},
    failures: [],
    unreachable: [],
    replaced: [],
    gone: [],
    fence: [],
    requests: [],
    granted: [],
    hosts: [],
    givenBack: false,
    drained: [],
    refused: [],
    fleetRebuilds: 0,
    cells: [],
    newcomers: null,
    spares: [],
    growth: { hosts: [], due: false },
    most: 0,
    changedAtMs: [],
    lostAtMs: {},
    resumed: false,
    change: null,
    changeTries: 0,
    proposed: 0,
    uncertain: false,
    departed: [],
    leaving: [],
    formerEnds: [],
    adoptions: 0,
    roster: null,
    nodes: [],
    lastStarts: [],
    ends: [],
    seats: {},
    nodesWanted: 0,
    sizes: [],
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
    restarts: record.charges.filter(({ kind, free }) => kind === 'restart' && !free).length,
    restartsLeft: record.task && restartsLeft(record.task.restart, record.charges, (host) => ranMs(record.clocks, host)),
    losses: record.charges.filter(({ kind, free }) => kind === 'loss' && !free).length,
    failures: record.failures,
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
    ...{ rank: null, group: groups[group]?.name ?? '', host, address: null, interface: null, addressReason: '', id: null },
    ...{ gpus: 0, state: 'gathering', exitCode: null, startNumber: 0 },
  };
}

/** Takes what the cells report of ended nodes; what is stale or told twice is dropped. */
export function recordEnds(record: RunRecord, message: NodesEnded): void {
  const { cell, generation, ends } = message;
  if (record.change && record.newcomers?.cells.some(({ id }) => id === cell)) record.change.ends.push(message);
  // A cell may not have heard of the newest list yet, and never knows a newer one.
  if (generation > record.generation || !record.cells.some(({ id }) => id === cell)) return;
  for (const { host, end } of ends) {
    if (record.leaving.includes(host)) record.formerEnds.push({ host, end });
    const node = record.nodes.find((known) => known.host === host);
    if (!node || node.rank === null || record.ends.some((seen) => seen.host === host)) continue;
    // Of a start that is to be followed by another, the end was told before.
    if (end.startNumber < node.startNumber + (node.state === 'restarting' ? 1 : 0)) continue;
    record.ends.push({ rank: node.rank, group: node.group, host, end, verdict: null });
    node.exitCode = end.kind === 'exited' ? end.code : null;
    node.state = endState(end, record.phase === 'stopping' || record.phase === 'resizing' || record.phase === 'restarting');
  }
  show(record);
}

/** Nothing is heard of these hosts, or it is again. */
export function recordSilence(record: RunRecord, { cell, hosts, state }: NodesSilent): void {
  if (!record.cells.some(({ id }) => id === cell)) return;
  for (const node of record.nodes) {
    if (!hosts.includes(node.host)) continue;
    if (state === 'silent' && node.state === 'running') node.state = 'silent';
    if (state === 'heard' && node.state === 'silent') node.state = 'running';
  }
  show(record);
}

/** A node was started again, alone. */
export function recordRestart(record: RunRecord, { cell, host, gathering, startNumber }: NodeRestarted): void {
  const node = record.nodes.find((known) => known.host === host);
  if (!record.cells.some(({ id }) => id === cell) || !node) return;
  record.seats[host] = { gathering, startNumber };
  Object.assign(node, { startNumber, state: 'running', exitCode: null });
  startClock(record.clocks, host);
  noteStarts(record);
  show(record);
}

/** Keeps where the output of each node's last start is. */
export function noteStarts(record: RunRecord): void {
  const starts = record.nodes.map(({ rank, host, startNumber }) => ({ rank: rank ?? 0, host, startNumber }));
  record.lastStarts = [...record.lastStarts.filter(({ host }) => !starts.some((start) => start.host === host)), ...starts];
}

/** What became of a change on some hosts; what is about another one is dropped. */
export function recordUpdates({ change }: RunRecord, message: NodesUpdated): void {
  if (change?.generation === message.generation) change.reports.push(message);
}

/** Keeps what went wrong: the first ten, the root cause among them, and the newest ten. */
export function noteFailure(record: RunRecord, note: FailureNote): void {
  record.failures.push(note);
  if (record.failures.length > 20) record.failures.splice(10, 1);
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

/** How what is left of the run is ended, once that is known. */
export function stopTermsOf({ task }: RunRecord): StopTerms {
  return { signal: task?.stopSignal ?? '', seconds: task?.stopDurationSeconds ?? 0 };
}

/** What all nodes have in common. */
export function programOf(task: Task, { scheduledTime }: RunRecord): Omit<Program, 'commands'> {
  const { shell, env, workingDir, startup, nodesEnv, dialects, archives, repo } = task;
  const { stopSignal, stopDurationSeconds, hostTimeoutSeconds, health, onResize, fencing } = task;
  return {
    shell,
    env,
    workingDir,
    startup,
    nodesEnv,
    dialects,
    archives,
    repo,
    stopSignal,
    stopDurationSeconds,
    hostTimeoutSeconds,
    health,
    onResize,
    fencing,
    scheduledTime,
  };
}
