import type { Lease } from '../../spec/fleet.js';

/**
 * What a fleet makes of a run's word that it holds a host. `held`: it does, from now on; `known`: it is as the fleet knows it; `contested`:
 * another run has the host as well, which was granted it or has said so. What only the host has told may be what an ended run left there.
 */
export function decideClaim(lease: Lease | null, runId: string): 'held' | 'known' | 'contested' {
  const isHearsay = lease?.request === '';
  if (lease?.runId === runId) return isHearsay || lease.state === 'releasing' ? 'held' : 'known';
  return lease === null || isHearsay || lease.state === 'releasing' ? 'held' : 'contested';
}
