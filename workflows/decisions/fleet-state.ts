import { type Candidate, MOST_ANNOUNCED } from '../../spec/candidates.js';
import type { HostFacts, Lease } from '../../spec/fleet.js';
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

/** A state in little space: what hosts have in common stands once, in `shared`, and is named by its place there. */
export interface PackedFleet extends Omit<FleetState, 'hosts'> {
  shared: unknown[];
  hosts: PackedHost[];
}

/** `candidates`: of each its link's place and its address. `lease`: null, or its place. */
type PackedHost = [
  ...[host: string, identity: string, address: string, memoryMb: number, announcedAtMs: number],
  ...[same: number, labels: number, lease: number | null, candidates: (number | string)[]],
];

type Link = Omit<Candidate, 'address'>;
type Same = Omit<HostFacts, 'host' | 'identity' | 'address' | 'memoryMb' | 'candidates' | 'labels'> & Pick<FleetHost, 'silent' | 'leaving' | 'drained'>;
type PackedLease = [runId: string, handle: string, epoch: number, request: string, state: Lease['state'], stop: number];

/** Temporal takes 2 MiB from one execution to the next; what is left is for what waits. */
const MOST_BYTES = 1.25 * 2 ** 20;
/** An agent that was told an address announces that one. */
const AS_ANNOUNCED = '';

export function newFleet(fleet: string): FleetState {
  return { fleet, hosts: [], expected: {}, queue: [], epoch: 0, rebuilt: false, quietUntilMs: 0, grownAtMs: 0 };
}

/** Of hosts so many that they would take too much, fewer addresses are kept, until they announce themselves again. Those are for plans alone. */
export function packFleet(state: FleetState): PackedFleet {
  for (let most = MOST_ANNOUNCED; ; most = Math.ceil(most / 2)) {
    const packed = pack(state, most);
    if (most === 1 || JSON.stringify(packed).length <= MOST_BYTES) return packed;
  }
}

function pack(state: FleetState, mostCandidates: number): PackedFleet {
  const shared: unknown[] = [];
  const places = new Map<string, number>();
  const share = (value: Link | Same | PackedLease | HostFacts['labels'] | Lease['stop']): number => {
    const text = JSON.stringify(value);
    const place = places.get(text) ?? shared.push(value) - 1;
    places.set(text, place);
    return place;
  };
  const packLease = ({ runId, handle, epoch, request, state: held, stop }: Lease) => share([runId, handle, epoch, request, held, share(stop)]);
  const hosts = state.hosts.map(({ facts, announcedAtMs, lease, silent, leaving, drained }): PackedHost => {
    const { host, identity, address, memoryMb, candidates, labels, told, ...rest } = facts;
    const same = { ...rest, told: { ...told, address: told.address === address ? AS_ANNOUNCED : told.address }, silent, leaving, drained };
    const links = candidates.slice(0, mostCandidates).flatMap(({ address: at, ...link }) => [share(link), at]);
    return [host, identity, address, memoryMb, announcedAtMs, share(same), share(labels), lease && packLease(lease), links];
  });
  return { ...state, shared, hosts };
}

export function unpackFleet({ shared, hosts, ...state }: PackedFleet): FleetState {
  const at = <T>(place: number) => shared[place] as T;
  // Each host gets a lease of its own: they change one by one.
  const unpackLease = (place: number): Lease => {
    const [runId, handle, epoch, request, held, stop] = at<PackedLease>(place);
    return { runId, handle, epoch, request, state: held, stop: at<Lease['stop']>(stop) };
  };
  return {
    ...state,
    hosts: hosts.map(([host, identity, address, memoryMb, announcedAtMs, same, labels, lease, links]): FleetHost => {
      const { silent, leaving, drained, told: said, ...rest } = at<Same>(same);
      const candidates: Candidate[] = [];
      for (let i = 0; i < links.length; i += 2) candidates.push({ ...at<Link>(links[i] as number), address: links[i + 1] as string });
      const told = { ...said, address: said.address === AS_ANNOUNCED ? address : said.address };
      const facts: HostFacts = { ...rest, host, identity, address, memoryMb, candidates, told, labels: at<HostFacts['labels']>(labels) };
      return { facts, announcedAtMs, silent, leaving, drained, lease: lease === null ? null : unpackLease(lease) };
    }),
  };
}
