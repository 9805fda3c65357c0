import { setCurrentDetails, uuid4, workflowInfo } from '@temporalio/workflow';
import type { FormerSeat } from '../spec/activities.js';
import type { Failure } from '../spec/failures.js';
import type { GrantedHost, StopTerms } from '../spec/fleet.js';
import { DEFAULT_FLEET } from '../spec/ids.js';
import type { NodesEnded, NodesUpdated, RosterSealed, StopMode } from '../spec/messages.js';
import type { FailureNote, FormerNode, GatheredHost, NodeStatus, Resize, RunPhase, RunRef, RunStatus, StartReason, UngatheredHost } from '../spec/nodes.js';
import type { Roster } from '../spec/roster.js';
import type { SearchAttribute } from '../spec/search-attributes.js';
import type { Task } from '../spec/task/task.js';
import type { Unreachable } from './decisions/address/settle.js';
import { describeRun } from './decisions/details.js';
import type { SeenEnd } from './decisions/outcome.js';
import { type Charge, describeLeft, restartsLeft } from './decisions/restart.js';
import type { SearchValues } from './decisions/search-values.js';
import { count, logFailure, logPhase } from './metrics.js';
import { type Clock, ranMs } from './running-time.js';
import { scheduledTime } from './scheduled-time.js';
import { index } from './search-attributes.js';

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
  /** The same before the wish that waits or is being fulfilled. */
  mostBefore: number;
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
  /** Those that the namespace has; and what was told last. */
  searchAttributes: SearchAttribute[];
  indexed: SearchValues;
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
    mostBefore: 0,
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
    searchAttributes: [],
    indexed: {},
  };
}

/** What a run carried into this execution; one that began before there were such facts has carried none. */
export function carriedRecord(carried: RunRecord): RunRecord {
  const nodes = carried.nodes.map((node) => ({ ...{ sinceMs: 0, lastLine: '' }, ...node }));
  return { ...newRecord(), ...carried, nodes };
}

export function enter(record: RunRecord, phase: RunPhase, reason: string, message: string): void {
  Object.assign(record, { phase, reason, message });
  record.indexed = index(record, record.indexed);
  logPhase(record, phase, reason, message);
  show(record);
}

const toBeShown = new WeakSet<RunRecord>();

/** Shows in the Temporal Web UI how things stand: once, after all that is heard now, however much that is. It adds no event. */
export function show(record: RunRecord): void {
  if (toBeShown.has(record)) return;
  toBeShown.add(record);
  void Promise.resolve().then(() => {
    toBeShown.delete(record);
    setCurrentDetails(describeRun(statusOf(record), { namespace: workflowInfo().namespace, cells: openCells(record), left: budgetsLeft(record) }));
  });
}

function openCells({ cells, newcomers, spares }: RunRecord): string[] {
  const all = [...cells, ...(newcomers?.cells ?? []), ...spares.map(({ cell }) => cell)];
  return all.filter(({ closed }) => !closed).map(({ id }) => id);
}

function budgetsLeft({ task, charges, clocks }: RunRecord): string[] {
  if (task === null) return [];
  return describeLeft({ policy: task.restart, onHostLoss: task.onHostLoss, charges, ranMs: (name) => ranMs(clocks, name) });
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
    nodesRange: record.task?.elastic ? { min: record.task.elastic.min, max: record.most } : null,
    resizes: record.resizes,
    nodes: record.nodes,
    formerNodes: formerNodes(record),
    warnings: record.warnings,
    submittedAtMs: record.submittedAtMs,
    releasedAtMs: record.releasedAtMs,
    endedAtMs: record.endedAtMs,
    lastLines: record.lastLines,
  };
}

function formerNodes({ lastStarts, hosts }: RunRecord): FormerNode[] {
  const held = new Set(hosts.map(({ host }) => host));
  return lastStarts.filter(({ host }) => !held.has(host));
}

/** What became of a change on some hosts; what is about another one is dropped. */
export function recordUpdates({ change }: RunRecord, message: NodesUpdated): void {
  if (change?.generation === message.generation) change.reports.push(message);
}

/** Keeps what went wrong: the first ten, the root cause among them, and the newest ten. */
export function noteFailure(record: RunRecord, note: FailureNote): void {
  record.failures.push(note);
  count(record, 'muster_failures', { reason: note.type });
  if (note.type === 'HostLost') count(record, 'muster_hosts_lost');
  logFailure(record, note);
  if (record.failures.length > 20) record.failures.splice(10, 1);
}

/** How what is left of the run is ended, once that is known. */
export function stopTermsOf({ task }: RunRecord): StopTerms {
  return { signal: task?.stopSignal ?? '', seconds: task?.stopDurationSeconds ?? 0 };
}
