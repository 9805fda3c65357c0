/** What the fleet keeps of a host: at most 200 bytes each. */
export interface HostFacts {
  host: string;
  /** The random id in the agent's data directory. */
  identity: string;
  address: string;
  cpus: number;
  memoryMb: number;
  gpus: number;
  labels: Record<string, string>;
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
  /** The request that was granted; empty where a rebuilt fleet heard of the lease from the host. */
  request: string;
  /** `releasing` until the host reports clean. */
  state: 'held' | 'releasing';
}

/** A row of `muster hosts`. */
export interface HostStatus extends HostFacts {
  /** `silent`: it did not answer when it was last asked; it is used again when it announces itself. `leaving`: its agent ends as soon as it is free. */
  state: 'free' | 'held' | 'releasing' | 'silent' | 'leaving';
  lease: Lease | null;
  announcedAtMs: number;
}
