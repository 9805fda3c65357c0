import type { GrantedHost, HostFacts, HostStatus, Lease } from '../../spec/fleet.js';
import type { LeasePart, LeaseRequested } from '../../spec/messages.js';
import { fits, placeParts } from './placement.js';

/** A host as the fleet knows it. */
export interface FleetHost {
  facts: HostFacts;
  announcedAtMs: number;
  silent: boolean;
  leaving: boolean;
  lease: Lease | null;
}

export interface Grant {
  request: LeaseRequested;
  hosts: GrantedHost[];
}

/** May this host be given to that run? Its own hosts of a former life may, once. */
function isAvailable(host: FleetHost, request: LeaseRequested): boolean {
  if (host.leaving) return false;
  if (host.lease === null) return !host.silent;
  return request.first && host.lease.runId === request.run.runId;
}

function candidates(all: readonly FleetHost[], request: LeaseRequested): FleetHost[] {
  const wanted = request.hosts;
  if (wanted === null) return [...all];
  return wanted.flatMap((id) => all.find((host) => host.facts.host === id) ?? []);
}

/** Own hosts first, so that a run that was reset finds its own processes; then by id, numbers as numbers. */
function byPreference(request: LeaseRequested): (a: FleetHost, b: FleetHost) => number {
  const own = (host: FleetHost) => (host.lease?.runId === request.run.runId ? 0 : 1);
  return (a, b) => own(a) - own(b) || compareIds(a.facts.host, b.facts.host);
}

/** Compares ids as people count: host-2 before host-10. */
export function compareIds(a: string, b: string): number {
  const left = a.split(/(\d+)/);
  const right = b.split(/(\d+)/);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const x = left[i] ?? '';
    const y = right[i] ?? '';
    if (x === y) continue;
    const difference = i % 2 === 1 ? Number(x) - Number(y) : 0;
    return difference || (x < y ? -1 : 1);
  }
  return left.length - right.length;
}

/**
 * Grants all-or-nothing, first come first served. A request that the fleet as it stands could not meet
 * even if every host were free does not hold up those behind it.
 */
export function decideGrants(all: readonly FleetHost[], queue: readonly LeaseRequested[]): Grant[] {
  const grants: Grant[] = [];
  const taken = new Set<string>();
  for (const request of queue) {
    const possible = candidates(all, request).filter((host) => !host.leaving && (!host.silent || isAvailable(host, request)));
    const free = possible.filter((host) => !taken.has(host.facts.host) && isAvailable(host, request));
    const place = (hosts: FleetHost[]) => {
      const inOrder = request.hosts === null ? hosts.sort(byPreference(request)) : hosts;
      return placeParts(
        inOrder.map(({ facts }) => facts),
        request.parts,
        request.hosts !== null,
      );
    };
    const hosts = place(free);
    if (hosts === null) {
      if (place(possible) === null) continue;
      break;
    }
    for (const { host } of hosts) taken.add(host);
    grants.push({ request, hosts });
  }
  return grants;
}

/** Why a request waits, for people: what it needs, what there is. */
export function describeWait(all: readonly FleetHost[], request: LeaseRequested): string {
  const missing = (request.hosts ?? []).filter((id) => !all.some((host) => host.facts.host === id));
  const need = request.hosts ? `hosts ${request.hosts.join(', ')}` : describeParts(request.parts);
  const count = (test: (host: FleetHost) => boolean) => all.filter(test).length;
  const parts = [
    `${count((host) => host.lease === null && !host.silent && !host.leaving)} free`,
    `${count((host) => host.lease !== null)} in use`,
    `${count((host) => host.lease === null && host.silent)} silent`,
    ...(count((host) => host.leaving) > 0 ? [`${count((host) => host.leaving)} leaving`] : []),
  ];
  const absent = missing.length > 0 ? `; never announced: ${missing.join(', ')}` : '';
  const labelled = request.parts.filter(({ where }) => Object.keys(where).length > 0);
  const having = labelled.map(
    ({ where }) =>
      `; ${count((host) => fits(host.facts.labels, where))} ${count((host) => fits(host.facts.labels, where)) === 1 ? 'has' : 'have'} ${describeLabels(where)}`,
  );
  return `needs ${need}; the fleet ${request.run.fleet} has ${all.length} (${parts.join(', ')})${having.join('')}${absent}`;
}

/** `1 host with role=head and 2 hosts`; parts that ask for the same are one. */
export function describeParts(parts: readonly LeasePart[]): string {
  const merged = new Map<string, LeasePart>();
  for (const part of parts) {
    const key = describeLabels(part.where);
    merged.set(key, { ...part, nodes: part.nodes + (merged.get(key)?.nodes ?? 0) });
  }
  return [...merged.values()].map(describePart).join(' and ');
}

function describePart({ nodes, where }: LeasePart): string {
  const hosts = `${nodes} host${nodes === 1 ? '' : 's'}`;
  return Object.keys(where).length === 0 ? hosts : `${hosts} with ${describeLabels(where)}`;
}

function describeLabels(where: Readonly<Record<string, string>>): string {
  return Object.entries(where)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

export function hostStatus(host: FleetHost): HostStatus {
  const state = host.lease ? host.lease.state : host.silent ? 'silent' : host.leaving ? 'leaving' : 'free';
  return { ...host.facts, state, lease: host.lease, announcedAtMs: host.announcedAtMs };
}
