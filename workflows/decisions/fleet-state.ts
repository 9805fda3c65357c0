import type { Lease } from '../../spec/fleet.js';
import type { LeaseRequested } from '../../spec/messages.js';
import type { FleetHost } from './lease.js';

/** What a fleet knows. */
export interface FleetState {
  fleet: string;
  hosts: FleetHost[];
  /** Leases of hosts that have not announced themselves yet, by host. */
  expected: Record<string, Lease>;
  queue: LeaseRequested[];
  epoch: number;
  /** It has had a predecessor, which is gone. */
  rebuilt: boolean;
  quietUntilMs: number;
  /** When the last host was added. */
  grownAtMs: number;
}

export function newFleet(fleet: string): FleetState {
  return { fleet, hosts: [], expected: {}, queue: [], epoch: 0, rebuilt: false, quietUntilMs: 0, grownAtMs: 0 };
}
