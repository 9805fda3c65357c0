import type { Failure } from './failures.js';
import type { GatheredHost, NodeEnd, Program, RunRef, StartReason, UnreachablePair } from './nodes.js';
import type { SearchAttribute } from './search-attributes.js';
import type { Preflight } from './task/preflight.js';
import type { Task } from './task/task.js';

/** Names the host that a task is meant for; an agent with another identity refuses it. */
export interface HostAddressee {
  host: string;
  identity: string;
}

export interface StartNodeInput extends HostAddressee {
  run: RunRef;
  /** The cell that gathers: the same cell gets the same start, another one a new start. */
  gathering: string;
  program: Program;
}

/** What a node must know to meet the others of a generation. */
export interface MeetingInput extends HostAddressee {
  run: RunRef;
  generation: number;
  startNumber: number;
  rank: number;
  /** This node's own, of those that the host has: what it connects from. */
  address: string;
  nodes: number;
  digest: string;
  token: string;
  /** Where rank 0's agent hands out the roster. */
  rendezvous: { address: string; port: number };
  /** The roster's bytes, for rank 0 alone: the others get them from rank 0 and check the digest. */
  rosterBytes: string | null;
  /** Epoch milliseconds of the server's clock. */
  barrierDeadlineMs: number;
  /** Which ways to its peers it proves. */
  preflight: Preflight;
  /** For rank 0: seats of lost hosts, whose agents it keeps calling until they have ended what they still run. */
  fence: FormerSeat[];
}

export interface RunNodeInput extends MeetingInput {
  gathering: string;
  startReason: StartReason;
  /** Asked again after a silence: the agent tells the cell that it has taken the node up. */
  again: boolean;
  /** `barrier`: together with all nodes of the generation; `alone`: the others run already, and it starts at once. */
  entry: 'barrier' | 'alone';
}

/** A node runs on while the list changes. */
export interface UpdateNodeInput extends MeetingInput {
  /** The others have the list already: it is taken over without a meeting. `rosterBytes` is there then. */
  decided: boolean;
}

/** What became of a change on one host. `failed`: it goes on as before; `newest`: the generation that it has, where that is newer. */
export type NodeUpdate = { kind: 'updated' } | { kind: 'failed'; failure: Failure; unreachable: UnreachablePair[]; newest?: number };

/** A seat that the run has given up: a start on a host that may still live. */
export interface FormerSeat {
  host: string;
  address: string;
  port: number;
  startNumber: number;
}

/** Which node of the same generation is to be watched, by an agent that is its peer. */
export interface WatchPeerInput extends HostAddressee {
  run: RunRef;
  token: string;
  /** The watcher's own address. */
  localAddress: string;
  peer: FormerSeat;
  /** No answer for so long, and the peer counts as unreachable. */
  silenceMs: number;
}

/**
 * What a peer's agent knows of a node: how it ended, or that its agent did not answer for the time that was asked. `unknown`: somebody answers there, and
 * knows nothing of the node, as an agent that was not told of it yet.
 */
export type PeerWord = { kind: 'ended'; end: NodeEnd } | { kind: 'unreachable' | 'unknown'; message: string };

export interface StopNodeInput extends HostAddressee {
  run: RunRef;
  /** Work of this generation and earlier ones, and of this gathering, is ended and refused from now on; 0: of no generation. */
  generation: number;
  /** null: whatever the run has on the host. */
  gathering: string | null;
  stopSignal: string;
  /** 0: SIGKILL at once. */
  graceSeconds: number;
}

export interface StopNodeResult {
  /** Nothing of the run is left on the host. */
  clean: boolean;
}

/** Which part of a host's output is wanted. null: whichever. */
export interface OutputFilter {
  /** What was written under one of these ranks. */
  ranks: number[] | null;
  generation: number | null;
  /** What may have been written at or after this moment: epoch milliseconds of the server's clock. */
  sinceMs: number | null;
}

export interface ReadOutputInput {
  runId: string;
  /** null: the newest start. */
  startNumber: number | null;
  offset: number;
  filter?: OutputFilter;
  /** Begins with the last so many lines instead, of whichever start: `startNumber` and `offset` do not matter then. */
  tail?: number;
  /** At most 256 KiB. */
  maxBytes: number;
  /** How long to wait for output where there is none yet; at most 5,000. */
  waitMs: number;
}

export interface OutputChunk {
  /** The one that was asked for; the next one, from its beginning, where that is not kept. */
  startNumber: number;
  /** Base64: output need not be UTF-8. */
  data: string;
  /** Of which node and generation it is; absent where an older agent answers. */
  rank?: number;
  generation?: number;
  /** When it was written, in its order: so many more bytes at this moment, in epoch milliseconds of the server's clock. They add up to all of `data`. */
  times?: [bytes: number, atMs: number][];
  nextOffset: number;
  /** All that was written so far. */
  size: number;
  /** Bytes that were wanted, stood before `data` and are gone: the output grew over the host's cap. */
  skippedBytes: number;
  /** The start has ended and everything was read. */
  end: boolean;
}

export interface HostDescription {
  host: string;
  identity: string;
  pid: number;
  version: string;
  /** How the machine is: what `muster doctor` asks for. Agents of older versions do not tell. */
  machine?: MachineState;
}

export interface MachineState {
  /** The version of Node.js, as `20.20.2`. */
  node: string;
  /** Its clock as it answers, in epoch milliseconds. */
  clockMs: number;
  /** Of the file system that holds the data directory; null where it does not say. Some file systems count no files: 0 of 0. */
  disk: { path: string; freeBytes: number; totalBytes: number; freeFiles: number; totalFiles: number } | null;
}

/** What an agent does, on the queue of its host. */
export interface HostActivities {
  /**
   * Prepares a start and its waiting shim, ends an older process of the seat, and reports the host's
   * address. Idempotent for a gathering. Fails with `CommandNotFound`, `HostStateLost`, `Superseded`, `NodeSetupFailed`.
   */
  startNode(input: StartNodeInput): Promise<GatheredHost>;
  /**
   * Meets the other nodes at the barrier, runs the program and completes asynchronously with how it ended.
   * Attaches to a start that runs already. Failures of the node are results, not exceptions.
   */
  runNode(input: RunNodeInput): Promise<NodeEnd>;
  /**
   * Has a node that runs on meet the newcomers of the next generation, prove its ways to them, and, once all are there, take over the new list: its
   * files are replaced, its program is told as `on_resize` says. Nothing changes where the meeting fails. Idempotent.
   */
  updateNode(input: UpdateNodeInput): Promise<NodeUpdate>;
  /** Leaves a tombstone first, then ends what it is about; a newer start of the seat stays as it is. Idempotent, also for an unknown run. */
  stopNode(input: StopNodeInput): Promise<StopNodeResult>;
  /**
   * Watches a node whose host is silent to Temporal, by the way between agents. Pending as long as the peer answers; completes asynchronously
   * when the peer tells how its node ended, or was unreachable for `silenceMs`. Ends when it is cancelled.
   */
  watchPeer(input: WatchPeerInput): Promise<PeerWord>;
  /** Bytes of a start's output. Never blocks longer than `waitMs`. */
  readOutput(input: ReadOutputInput): Promise<OutputChunk>;
  /** Who serves this queue. */
  describeHost(): Promise<HostDescription>;
}

/** `searchAttributes`: those of ours that the namespace has; a run may set no others. */
export type ResolveResult = { searchAttributes: SearchAttribute[] } & ({ ok: true; task: Task; warnings: string[] } | { ok: false; problems: string[] });

/** What a control worker does. */
export interface ControlActivities {
  /** Validates what was submitted and fills in every default, and looks which search attributes there are. Never throws on bad input. */
  resolveTask(input: unknown, info: { defaultName: string }): Promise<ResolveResult>;
  /** Signals the fleet workflow, starting it where there is none. */
  signalFleet(fleet: string, signal: string, message: unknown): Promise<void>;
  /** Tells every run that goes on, of whichever fleet, that this fleet has begun anew; returns their handles. */
  callRuns(fleet: string): Promise<string[]>;
  /** Which of these runs are closed. */
  findClosedRuns(runs: { handle: string; runId: string }[]): Promise<string[]>;
}

/** What the workflows have a control worker do that leaves no trace in their histories. */
export type ControlSinks = {
  runs: {
    /** Tells the calling run that it was reset. */
    wasReset(): void;
  };
};
