import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { FormerSeat, NodeUpdate } from './activities.js';
import type { Failure } from './failures.js';
import type { GrantedHost, HostFacts, HostStatus, StopTerms } from './fleet.js';
import type { GatheredHost, NodeEnd, Program, RunRef, RunStatus, StartReason, UngatheredHost } from './nodes.js';
import type { ResizeWish } from './resize.js';
import type { Roster } from './roster.js';
import type { Labels } from './task/labels.js';
import type { Preflight } from './task/preflight.js';
import type { Resources } from './task/resources.js';

export const WORKFLOW_TYPES = { run: 'musterRun', cell: 'musterCell', fleet: 'musterFleet', files: 'musterFiles' } as const;

// The run hears facts.

export interface HostsGranted {
  request: string;
  hosts: GrantedHost[];
}
export const hostsGranted = defineSignal<[HostsGranted]>('hostsGranted');

export interface LeaseRefused {
  request: string;
  failure: Failure;
}
export const leaseRefused = defineSignal<[LeaseRefused]>('leaseRefused');

/** To the run that holds the host: it is to be taken out of use, and no run gets it any more. What the run does on it goes on. May be told twice. */
export interface HostDrained {
  host: string;
}
export const hostDrained = defineSignal<[HostDrained]>('hostDrained');

/** To the run that holds the host: it is in use again. */
export interface HostResumed {
  host: string;
}
export const hostResumed = defineSignal<[HostResumed]>('hostResumed');

export interface CellGathered {
  cell: string;
  gathered: GatheredHost[];
  missing: UngatheredHost[];
}
export const cellGathered = defineSignal<[CellGathered]>('cellGathered');

/** Sent by the agent of rank 0 when all nodes were released together. */
export interface NodesReleased {
  generation: number;
}
export const nodesReleased = defineSignal<[NodesReleased]>('nodesReleased');

export interface NodesEnded {
  cell: string;
  generation: number;
  ends: { host: string; end: NodeEnd }[];
}
export const nodesEnded = defineSignal<[NodesEnded]>('nodesEnded');

/** Nothing is heard of these hosts any more; or it is again. */
export interface NodesSilent {
  cell: string;
  generation: number;
  hosts: string[];
  state: 'silent' | 'heard';
  /** What their programs said last, as far as it was heard. */
  lastLines: string;
}
export const nodesSilent = defineSignal<[NodesSilent]>('nodesSilent');

/** To the run that was reset, and by it to its cells: one that is gone does not hear it. */
export interface RunReset {
  /** The execution that the reset has begun. */
  runId: string;
}
export const runReset = defineSignal<[RunReset]>('runReset');

/** Sent by an agent to the cell: after a silence it has taken its node up again. */
export interface NodeHeard {
  host: string;
}
export const nodeHeard = defineSignal<[NodeHeard]>('nodeHeard');

/** What became of a change on those hosts of the cell that stay. */
export interface NodesUpdated {
  cell: string;
  generation: number;
  updates: { host: string; update: NodeUpdate }[];
}
export const nodesUpdated = defineSignal<[NodesUpdated]>('nodesUpdated');

/** A node was started again, alone, in its generation. */
export interface NodeRestarted {
  cell: string;
  generation: number;
  host: string;
  gathering: string;
  startNumber: number;
}
export const nodeRestarted = defineSignal<[NodeRestarted]>('nodeRestarted');

/** How a run is stopped: the polite signal and its grace, or SIGKILL at once. */
export type StopMode = 'graceful' | 'now';

/** The run has taken note of a stop. */
export interface StopAnswer {
  accepted: boolean;
  message: string;
}
export interface RescaleAnswer {
  /** By which the status names this wish. */
  id: string;
  message: string;
}
/** Answers once the wish is recorded; fails with `RescaleRefused` and the reason. The run's status tells what becomes of it. */
export const rescale = defineUpdate<RescaleAnswer, [ResizeWish]>('rescale');

/**
 * The same wish from those who can send no update, as a workflow. Nobody is answered: what became of it, and that it was refused, is in `resizes` of the
 * run's status. A run that has ended hears nothing.
 */
export const rescaleWanted = defineSignal<[ResizeWish]>('rescaleWanted');

export const stop = defineUpdate<StopAnswer, [{ mode: StopMode }]>('stop');
export const status = defineQuery<RunStatus>('status');
/** The sealed roster of the current generation; null before the first seal. */
export const roster = defineQuery<Roster | null>('roster');

// The cell hears what the run has decided.

export interface RosterSealed {
  generation: number;
  /** `rosterBytes` of the sealed roster. */
  rosterBytes: string;
  digest: string;
  /** The identities of the agents, by rank: who they are is asked of them when one of them falls silent. */
  identities: string[];
  /** The run's token; whoever can read the history has it. */
  token: string;
  /** Epoch milliseconds of the server's clock. */
  barrierDeadlineMs: number;
  startReason: StartReason;
  /** Hosts that took the place of lost ones. */
  replaced: string[];
  preflight: Preflight;
  /** Seats of lost hosts, for rank 0 to fence. */
  fence: FormerSeat[];
}
export const rosterSealed = defineSignal<[RosterSealed]>('rosterSealed');

/** The next list, for a cell whose nodes run on: they are to meet the newcomers and take it over, all or none. */
export const changeProposed = defineSignal<[RosterSealed]>('changeProposed');

/** Whether the proposed change holds. */
export interface ChangeSettled {
  generation: number;
  /** `made`: whoever has not taken the list over is to; `dropped`: all is as before; `doubted`: whoever still waits for others is to say how it stands. */
  outcome: 'made' | 'doubted' | 'dropped';
  /** Hosts that have left with it: what runs there is ended. */
  leave: string[];
  /** The list, for a cell that has not said how it went: it may have taken over its nodes since. */
  sealed: RosterSealed | null;
}
export const changeSettled = defineSignal<[ChangeSettled]>('changeSettled');

export interface StopDecided {
  mode: StopMode;
  generation: number;
}
export const stopDecided = defineSignal<[StopDecided]>('stopDecided');

/** A node is to be started again, alone. */
export interface RestartDecided {
  generation: number;
  host: string;
  /** Which of the seat's starts ended: told twice, it is done once. */
  startNumber: number;
  delayMs: number;
}
export const restartDecided = defineSignal<[RestartDecided]>('restartDecided');

/** No node of the cell will be started again. */
export const cellDismissed = defineSignal('cellDismissed');

/** A node that runs already, for a cell that takes it over from another. */
export interface AdoptedNode {
  host: string;
  gathering: string;
  startNumber: number;
  /** It has ended; its host takes part in changes of the list all the same. */
  over: boolean;
}

export interface CellInput {
  run: RunRef;
  hosts: GrantedHost[];
  program: Omit<Program, 'commands'>;
  /** What each of the task's groups runs. */
  commands: string[][];
  gatherTimeoutSeconds: number;
  /** `ends`: once all nodes have ended; `dismissed`: not before it is told, since nodes may be started again. */
  until: 'ends' | 'dismissed';
  /** Nodes of a sealed generation that it takes over; null: it gathers. */
  adopt: { sealed: RosterSealed; nodes: AdoptedNode[] } | null;
}

/** A part of packed files was used again, and is kept for longer. */
export const filesUsed = defineSignal('filesUsed');

// The fleet hears of hosts and wishes.

export interface HostAnnounced {
  facts: HostFacts;
  /** Runs of which the host holds processes. */
  runs: { runId: string; handle: string }[];
  /** The agent has announced itself to an earlier execution of the fleet, which is gone. */
  rebuilt: boolean;
  /** Its agent is to leave when its nodes have ended: no run gets it any more. */
  leaving: boolean;
  /** What the agent last read in the fleet's memo; for a fleet that does not know the host. */
  drained: boolean;
}
export const hostAnnounced = defineSignal<[HostAnnounced]>('hostAnnounced');

/** A host holds nothing more of a run that is closed. */
export interface HostCleaned {
  host: string;
  runId: string;
}
export const hostCleaned = defineSignal<[HostCleaned]>('hostCleaned');

/** Hosts wanted for one group. */
export interface LeasePart {
  group: number;
  nodes: number;
  /** Labels that they must have. */
  where: Labels;
  resources: Resources | null;
}

/** What a task's groups ask for. */
export function partsOf(groups: readonly Omit<LeasePart, 'group'>[]): LeasePart[] {
  return groups.map(({ nodes, where, resources }, group) => ({ group, nodes, where, resources }));
}

export interface LeaseRequested {
  run: RunRef;
  request: string;
  parts: LeasePart[];
  /** Pinned hosts in the order of the parts, or any. */
  hosts: string[] | null;
  /** Hosts that it does not want now. */
  except: string[];
  /**
   * At most as many as it says, and at least one, of what nobody else waits for; never refused for want of hosts, waits without a limit:
   * `deadlineMs` is `Number.MAX_SAFE_INTEGER`. Exactly one part wants nodes.
   */
  extra: boolean;
  /** The first request of an execution: what the run held in a former life may be granted again. */
  first: boolean;
  /** What becomes of it where the fleet could not meet it even if all its hosts were free. */
  unmet: 'refuse' | 'wait';
  stop: StopTerms;
  /** When the wish was made: who comes first is served first, also by a fleet that hears of all of them at once. Epoch milliseconds. */
  askedAtMs: number;
  queueTimeoutSeconds: number;
  /** When the wish is over. Epoch milliseconds of the server's clock. */
  deadlineMs: number;
}
/** Repeated while the run waits, so that a fleet that forgot it hears of it again; a request that is known is dropped. */
export const leaseRequested = defineSignal<[LeaseRequested]>('leaseRequested');

/** The fleet has begun anew and has forgotten who waits and who holds what: a run that waits for its hosts asks again, and each tells what it holds. */
export interface FleetRebuilt {
  fleet: string;
}
export const fleetRebuilt = defineSignal<[FleetRebuilt]>('fleetRebuilt');

/** All hosts of that fleet that a run holds, be there a node on them or not: its answer to `fleetRebuilt`, and before it gathers or wants more. */
export interface HostsHeld {
  run: { runId: string; handle: string };
  answers: boolean;
  /** After a reset: whatever else the run had is given up, but for what these requests of its were granted. */
  requests?: string[];
  hosts: string[];
  stop: StopTerms;
}
export const hostsHeld = defineSignal<[HostsHeld]>('hostsHeld');

/** The fleet heard too late that the run holds these hosts, since it was rebuilt or the run was reset: another has them now. */
export interface HostsTaken {
  hosts: string[];
  /** The handle of the run that has them. */
  by: string;
}
export const hostsTaken = defineSignal<[HostsTaken]>('hostsTaken');

/** Hosts that a run gives back; with `all` a wish that waits is over, too. */
export interface LeaseReturned {
  runId: string;
  /** Hosts on which nothing of the run is left. */
  clean: string[];
  /** Hosts that may still hold processes of the run. */
  unclean: string[];
  /** Hosts that did not answer. */
  silent: string[];
  /** Whatever else the run has is given back, too, and may still hold processes. */
  all: boolean;
}
export const leaseReturned = defineSignal<[LeaseReturned]>('leaseReturned');

/** A wish is over before it was granted, or as it was: whatever was granted for it is free, unused. */
export interface LeaseWithdrawn {
  request: string;
}
export const leaseWithdrawn = defineSignal<[LeaseWithdrawn]>('leaseWithdrawn');

/** What a task would ask the fleet for. */
export interface PlanAsked {
  fleet: string;
  parts: LeasePart[];
  hosts: string[] | null;
  /** The task's `network` and `interface`. */
  wish: { network: string | null; interface: string | null };
}
export interface Plan {
  /** In rank order; empty where it would wait. */
  nodes: { rank: number; group: number; host: string; address: string; interface: string; reason: string }[];
  /** Why it would fail on the hosts that it would get; null where it would not. */
  fails: Failure | null;
  /** For what it would wait, in words; null where it would not. */
  waits: string | null;
  /** The fleet could not meet it even if all its hosts were free. */
  never: boolean;
  /** How many requests wait already, and come first; extra hosts come last. */
  ahead: number;
}
/** What would become of a task that was submitted now; changes nothing. */
export const plan = defineQuery<Plan, [PlanAsked]>('plan');

export interface DrainAnswer {
  /** For people. */
  message: string;
}
/** Takes a host out of use, or back into it. The run that holds it goes on, and hears of it. Fails with `NoSuchHost`. */
export const drain = defineUpdate<DrainAnswer, [{ host: string; drained: boolean }]>('drain');

export interface HostsAsked {
  /** Only those that come after this one. */
  after?: string;
  /** Only this one. */
  only?: string;
}
/** How many hosts a fleet has, by state, and how many requests wait for some. */
export interface FleetCensus {
  hosts: Partial<Record<HostStatus['state'], number>>;
  waiting: number;
  /** Of the request that has waited longest, in epoch milliseconds. */
  waitingSinceMs: number | null;
}
export const census = defineQuery<FleetCensus>('census');

/** Ordered by id, at most `HOSTS_LISTED` at a time: Temporal ends a workflow that answers with too much. */
export const hosts = defineQuery<HostStatus[], [asked?: HostsAsked]>('hosts');
export const HOSTS_LISTED = 500;
