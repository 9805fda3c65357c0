import type { Candidate } from './candidates.js';
import type { Failure, FailureType } from './failures.js';
import type { Archive } from './task/files.js';
import type { Health } from './task/health.js';
import type { OnResize } from './task/on-resize.js';
import type { Repo } from './task/repos.js';
import type { Startup } from './task/startup.js';
import type { Dialect } from './task/task.js';

/** A run as agents and cells know it. Plain JSON. */
export interface RunRef {
  /** The workflow id. */
  handle: string;
  /** The first execution's run id: `DSTACK_RUN_ID`. */
  runId: string;
  name: string;
  fleet: string;
}

/** What a node is to run. Sent once a host, with `startNode`. */
export interface Program {
  shell: string;
  commands: string[];
  env: Record<string, string>;
  workingDir: string | null;
  startup: Startup;
  nodesEnv: 'variable' | 'file';
  dialects: Dialect[];
  archives: Archive[];
  repo: Repo | null;
  stopSignal: string;
  stopDurationSeconds: number;
  /** Silence until the host is lost; the heartbeat follows from it. */
  hostTimeoutSeconds: number;
  health: Health | null;
  onResize: OnResize;
  fencing: 'reachable' | 'strict';
  /** For when a schedule started the run: `MUSTER_SCHEDULED_TIME`. null, or missing of an older control worker: somebody started it. */
  scheduledTime?: string | null;
}

/** Why a seat was started. */
export type StartReason = 'first' | 'restart' | 'rescale' | 'replaced';

/** What a host answers when it is gathered. */
export interface GatheredHost {
  host: string;
  /** Every address that it could be reached at, the likeliest first. */
  candidates: Candidate[];
  /** What its agent was told: null is nothing. */
  told: { address: string | null; network: string | null; interface: string | null };
  /** Where its agent hears the others, on all of these addresses, or on the one that it was told. */
  port: number;
  gpus: number;
  /** A TCP port that is free there and held until the start; null where no dialect asks for one. */
  freePort: number | null;
  /** The highest generation of this run that the host has seen; 0 before the first. */
  highestGeneration: number;
  /** The number of the start that waits on the host. */
  startNumber: number;
}

/** A host that could not be gathered. */
export interface UngatheredHost {
  host: string;
  failure: Failure;
  /** `silent`: no answer in time, another host may do; `refused`: it said no. */
  kind: 'silent' | 'refused';
}

/** A connection between two nodes' agents that came to nothing. */
export interface UnreachablePair {
  from: number;
  to: number;
  /** `timed out`, `refused`, `another host answered` … */
  why: string;
}

/** How one start of a node ended. Times are epoch milliseconds of the host's clock. */
export type NodeEnd =
  | {
      kind: 'exited';
      /** 0…255; 128 + n also stands for signal n. */
      code: number;
      /** The kernel killed the program, or one of its processes, because memory was out. */
      outOfMemory: boolean;
      /** Its agent was ending it, as it had been told, when it exited. */
      stopped: boolean;
      startNumber: number;
      endedAtMs: number;
      /** The last lines of output, at most 1 KiB. */
      lastLines: string;
      /** Nothing of this start lives on the host. */
      clean: boolean;
    }
  | {
      kind: 'failed';
      failure: Failure;
      /** With `PeersUnreachable`: whose connections to whom came to nothing, and how, by rank. Else empty. */
      unreachable: UnreachablePair[];
      startNumber: number;
      endedAtMs: number;
      lastLines: string;
      clean: boolean;
    };

/** What the agent says at every beat of a node. */
export interface Beat {
  /** Epoch milliseconds of the server's clock, as the host knows it: never ahead of it. */
  sentAtMs: number;
  /** The last lines of output, at most 1 KiB. */
  lastLines: string;
}

/** A node's state, as `status` shows it. `silent`: nothing is heard of its host, which is not given up yet. */
export type NodeState = 'gathering' | 'ready' | 'starting' | 'running' | 'silent' | 'restarting' | 'succeeded' | 'failed' | 'stopped' | 'lost';

export interface NodeStatus {
  /** null before the first list. */
  rank: number | null;
  /** The name of its group. */
  group: string;
  host: string;
  /** null before the first list. */
  address: string | null;
  /** The one that holds the address. */
  interface: string | null;
  /** Why it is this address, for people; empty before there is one. */
  addressReason: string;
  /** `MUSTER_NODE_ID`; null before the first list. */
  id: string | null;
  /** How many its host has. */
  gpus: number;
  state: NodeState;
  /** Of its last start; null while it runs, and where it ended without one. */
  exitCode: number | null;
  startNumber: number;
  /** Since when it is in this state, epoch milliseconds of the server's clock; 0, or not there, where it is not known. */
  sinceMs?: number;
  /** The last line of its output that the run has heard: at its end, or when its host fell silent. At most 160 bytes; empty before, and not there in runs of older versions. */
  lastLine?: string;
}

/** The last start of a node whose host the run has left; its output is still there. */
export interface FormerNode {
  /** The last that it had. */
  rank: number;
  host: string;
  /** How often it was started there. */
  startNumber: number;
}

export type RunPhase = 'queued' | 'gathering' | 'starting' | 'running' | 'restarting' | 'resizing' | 'stopping' | 'succeeded' | 'failed' | 'cancelled';

/** Something that went wrong with a node, and what was done about it. */
export interface FailureNote {
  /** In which it happened. */
  generation: number;
  rank: number;
  host: string;
  type: FailureType;
  /** For people: who, what, in which generation, what was done, what is left. */
  message: string;
  /** The last lines of the node, at most 1 KiB; also of a host that is gone. */
  lastLines: string;
  /** Epoch milliseconds of the server's clock. */
  atMs: number;
}

/** A wish for another number of nodes, and what became of it. */
export interface Resize {
  /** The id of the update that asked. */
  id: string;
  /** How many are wanted; where the wish could not be read, how many there are. */
  nodes: number;
  /** The same by group, in their order. */
  sizes: number[];
  /** `waiting`: for hosts, their answers or the stop of the old generation; `done`: the new generation runs. */
  state: 'waiting' | 'done' | 'refused' | 'superseded';
  /** For people. */
  message: string;
}

/** What a run is doing: the answer of the query `status`, and of `muster status --json`. */
export interface RunStatus {
  /** Its handle: the workflow id. */
  run: string;
  /** `DSTACK_RUN_ID`: the run id of its first execution. */
  runId: string;
  /** The task's name. */
  name: string;
  /** Whose hosts it uses. */
  fleet: string;
  /** What it is at, or how it ended. */
  phase: RunPhase;
  /** For machines: a failure type, or a word such as `WaitingForHosts`. */
  reason: string;
  /** For people. */
  message: string;
  /** Version of the list of nodes; 0 before the first. */
  generation: number;
  /** What was charged to the budget of `restart`. */
  restarts: number;
  /** What is left of it; with `scope: node`, of the node that has the least. null before the task was read, and of runs of older versions. */
  restartsLeft: number | null;
  /** Hosts that were lost and made up for. */
  losses: number;
  /** What went wrong, in the order the workflow saw it: the first ten and the newest ten. The first is the root cause. */
  failures: FailureNote[];
  /** How many nodes it is to have. */
  nodesWanted: number;
  /** Of an elastic run, between how many it changes by itself; `max` is less than the task's where somebody wished for less. null: it does not. Runs of older versions lack it. */
  nodesRange?: { min: number; max: number } | null;
  /** The newest ten, the newest last. */
  resizes: Resize[];
  /** Those of the current generation. */
  nodes: NodeStatus[];
  /** On hosts that the run has left; their output is still there. */
  formerNodes: FormerNode[];
  /** What in the task has less effect than it seems. */
  warnings: string[];
  /** Epoch milliseconds of the server's clock. */
  submittedAtMs: number;
  /** When all nodes were first released together; null before. */
  releasedAtMs: number | null;
  /** null while it goes on. */
  endedAtMs: number | null;
  /** The last lines of the node that failed first. */
  lastLines: string;
}
