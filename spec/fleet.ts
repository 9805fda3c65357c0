import type { Candidate } from './candidates.js';
import type { GatheredHost } from './nodes.js';
import type { ProtocolRange } from './protocol.js';

/** What the fleet keeps of a host: one or two kilobytes each, and some hundred bytes from one execution to the next. */
export interface HostFacts {
  host: string;
  /** The random id in the agent's data directory. */
  identity: string;
  /** What it was told, else the likeliest one; a run chooses across all of its hosts. */
  address: string;
  /** The likeliest of its addresses, at most `MOST_ANNOUNCED`. */
  candidates: Candidate[];
  /** What its agent was told of them. */
  told: GatheredHost['told'];
  cpus: number;
  memoryMb: number;
  gpus: number;
  /** Its GPUs' model, and the memory of each; null without GPUs and where it is not known. */
  gpuModel: string | null;
  gpuMemoryMb: number | null;
  labels: Record<string, string>;
  /** Of the agent. */
  version: string;
  protocol: ProtocolRange;
}

/** The fleet's memo, which agents read without an event: a fleet that was begun anew learns only from them which hosts are drained. */
export interface FleetMemo {
  drained: string[];
}

/** A host that was granted to a run. */
export interface GrantedHost {
  host: string;
  identity: string;
  /** For which of the task's groups; counted from 0. */
  group: number;
}

/** A run's hold on a host. */
export interface Lease {
  runId: string;
  handle: string;
  epoch: number;
  /** The request that was granted. Where a rebuilt fleet heard of the lease from the run, the run's id; empty where only the host told it. */
  request: string;
  /** `releasing` until the host reports clean. */
  state: 'held' | 'releasing';
  /** How what is left of the run is ended, if the run cannot see to it. */
  stop: StopTerms;
}

/** A task's `stop_signal` and `stop_duration`. */
export interface StopTerms {
  signal: string;
  seconds: number;
}

/** A row of `muster hosts`. */
export interface HostStatus extends HostFacts {
  /**
   * `silent`: it did not answer when it was last asked; it is used again when it announces itself. `leaving`: its agent ends as soon as it is free.
   * `drained`: somebody has taken it out of use. `incompatible`: its agent and this control worker do not understand each other.
   */
  state: 'free' | 'held' | 'releasing' | 'silent' | 'leaving' | 'drained' | 'incompatible';
  /** No run gets it, whatever its state, until it is resumed. */
  drained: boolean;
  /** No run gets it, whatever its state: its agent ends as soon as it is free. */
  leaving: boolean;
  /** What is wrong with it, for people; empty where nothing is. */
  problem: string;
  lease: Lease | null;
  announcedAtMs: number;
}
