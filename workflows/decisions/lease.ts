import type { GrantedHost, HostFacts, HostStatus, Lease } from '../../spec/fleet.js';
import { type FleetCensus, HOSTS_LISTED, type HostsAsked, type LeaseRequested } from '../../spec/messages.js';
import { protocolProblem } from '../../spec/protocol.js';
import { placeParts, placeSome } from './placement.js';
import { describeNeeds } from './resource-words.js';
import { canEverBeMet, describeLack, meets } from './resources.js';

/** A host as the fleet knows it. */
export interface FleetHost {
  facts: HostFacts;
  announcedAtMs: number;
  silent: boolean;
  /** Its agent ends as soon as it is free. */
  leaving: boolean;
  /** Somebody has taken it out of use. */
  drained: boolean;
  lease: Lease | null;
}

export interface Grant {
  request: LeaseRequested;
  hosts: GrantedHost[];
}

/** Is it in use at all, be it free or not? */
function isUsed({ facts, leaving, drained }: FleetHost): boolean {
  return !leaving && !drained && protocolProblem(facts.protocol, facts.version) === null;
}

/** May this host be given to that run? Its own hosts of a former life may, once. */
function isAvailable(host: FleetHost, request: LeaseRequested): boolean {
  if (!isUsed(host)) return false;
  if (host.lease === null) return !host.silent;
  return request.first && host.lease.runId === request.run.runId;
}

function candidates(all: readonly FleetHost[], request: LeaseRequested): FleetHost[] {
  const wanted = request.hosts;
  if (wanted === null) return [...all];
  return wanted.flatMap((id) => all.find((host) => host.facts.host === id) ?? []);
}

/** The pinned ones as they were named; else own hosts first, so that a run that was reset finds its own processes, then by id, numbers as numbers. */
function inOrder(hosts: FleetHost[], request: LeaseRequested): HostFacts[] {
  return (request.hosts === null ? hosts.sort(byPreference(request)) : hosts).map(({ facts }) => facts);
}

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
 * even if every host were free does not hold up those behind it. What is left when no other waits goes to those who want extra hosts,
 * in their order: they hold up nobody.
 */
export function decideGrants(all: readonly FleetHost[], queue: readonly LeaseRequested[]): Grant[] {
  const grants: Grant[] = [];
  const taken = new Set<string>();
  const grant = (request: LeaseRequested, hosts: GrantedHost[]) => {
    for (const { host } of hosts) taken.add(host);
    grants.push({ request, hosts });
  };
  const wantedBy = (request: LeaseRequested) => {
    const except = new Set(request.except);
    return candidates(all, request).filter(({ facts }) => !except.has(facts.host));
  };
  const isFree = (request: LeaseRequested) => (host: FleetHost) => !taken.has(host.facts.host) && isAvailable(host, request);
  for (const request of queue.filter(({ extra }) => !extra)) {
    const possible = wantedBy(request).filter((host) => isUsed(host) && (!host.silent || isAvailable(host, request)));
    const place = (hosts: FleetHost[]) => placeParts(inOrder(hosts, request), request.parts, request.hosts !== null);
    const hosts = place(possible.filter(isFree(request)));
    if (hosts !== null) grant(request, hosts);
    else if (place(possible) !== null) return grants;
  }
  for (const request of queue.filter(({ extra }) => extra)) {
    const hosts = placeSome(inOrder(wantedBy(request).filter(isFree(request)), request), request.parts);
    if (hosts.length > 0) grant(request, hosts);
  }
  return grants;
}

/**
 * Why the fleet could never meet a request with the hosts that it has, in words; null where it may, once they are free. What is not wanted now
 * may be wanted later, and whoever wants extra hosts can always wait.
 */
export function decideNever(all: readonly FleetHost[], request: LeaseRequested): string | null {
  if (request.extra) return null;
  // What the run is giving back may be its own again.
  const isOwn = ({ lease }: FleetHost) => lease?.runId === request.run.runId && lease.state === 'held';
  const others = all.filter((host) => isUsed(host) && (request.first || !isOwn(host)));
  const known = candidates(others, request).map(({ facts }) => facts);
  if (request.hosts !== null) {
    const missing = request.hosts.filter((id) => !others.some((host) => host.facts.host === id));
    if (missing.length > 0) return describeShortage(all, request);
    return placeParts(known, request.parts, true) === null ? describeShortage(all, request) : null;
  }
  return canEverBeMet(known, request.parts) ? null : describeShortage(all, request);
}

/** Why a request waits, for people: what it needs, what there is, and which runs have what it could use. */
export function describeWait(all: readonly FleetHost[], request: LeaseRequested): string {
  const except = new Set(request.except);
  const wanted = candidates(all, request).filter(({ facts }) => !except.has(facts.host));
  const others = wanted.flatMap(({ lease }) => (lease !== null && lease.runId !== request.run.runId ? [lease.handle] : []));
  const holders = [...new Set(others)].sort(compareIds);
  const [named, more] = [holders.slice(0, HOLDERS_NAMED), holders.length - HOLDERS_NAMED];
  const held = holders.length === 0 ? '' : `; held by ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return describeShortage(all, request) + held;
}

const HOLDERS_NAMED = 2;

/** The same without the runs, which are not to blame where even all hosts would not do. */
function describeShortage(all: readonly FleetHost[], request: LeaseRequested): string {
  const missing = (request.hosts ?? []).filter((id) => !all.some((host) => host.facts.host === id));
  const need = request.hosts ? `hosts ${request.hosts.join(', ')}` : describeNeeds(request.parts);
  const count = (test: (host: FleetHost) => boolean) => all.filter(test).length;
  const except = new Set(request.except);
  const isFree = (host: FleetHost) => host.lease === null && !host.silent && isUsed(host);
  const isWanted = ({ facts }: FleetHost) => !except.has(facts.host);
  const unused = [
    [count((host) => isFree(host) && !isWanted(host)), 'not wanted now'],
    [count(({ leaving }) => leaving), 'leaving'],
    [count(({ drained }) => drained), 'drained'],
    [count(({ facts }) => protocolProblem(facts.protocol, facts.version) !== null), 'incompatible'],
  ] as const;
  const parts = [
    `${count((host) => isFree(host) && isWanted(host))} free`,
    `${count((host) => host.lease !== null)} in use`,
    `${count((host) => host.lease === null && host.silent)} silent`,
    ...unused.flatMap(([hosts, how]) => (hosts > 0 ? [`${hosts} ${how}`] : [])),
  ];
  const absent = missing.length > 0 ? `; never announced: ${missing.join(', ')}` : '';
  const lack =
    request.hosts === null && all.length > 0
      ? describeLack(
          all
            .filter(isUsed)
            .map(({ facts }) => facts)
            .sort((a, b) => compareIds(a.host, b.host)),
          request.parts,
        )
      : null;
  const why = lack === null || request.parts.every((part) => all.every(({ facts }) => meets(facts, part))) ? '' : `; ${lack.replace(/^needs [^;]*; /, '')}`;
  return `needs ${need}; the fleet ${request.run.fleet} has ${all.length} (${parts.join(', ')})${why}${absent}`;
}

/** What is asked of the hosts, in the order of their ids. */
export function listHosts(all: readonly FleetHost[], { after, only }: HostsAsked = {}): HostStatus[] {
  const asked = all.filter(({ facts: { host } }) => (only === undefined || host === only) && (after === undefined || compareIds(host, after) > 0));
  return asked
    .sort((a, b) => compareIds(a.facts.host, b.facts.host))
    .slice(0, HOSTS_LISTED)
    .map(hostStatus);
}

/** The same in numbers. Who wants extra hosts waits for nothing in particular. */
export function countHosts(all: readonly FleetHost[], queue: readonly LeaseRequested[]): FleetCensus {
  const hosts: FleetCensus['hosts'] = {};
  for (const host of all) {
    const { state } = hostStatus(host);
    hosts[state] = (hosts[state] ?? 0) + 1;
  }
  const waiting = queue.filter(({ extra }) => !extra);
  return { hosts, waiting: waiting.length, waitingSinceMs: waiting.length === 0 ? null : Math.min(...waiting.map(({ askedAtMs }) => askedAtMs)) };
}

function hostStatus(host: FleetHost): HostStatus {
  const problem = protocolProblem(host.facts.protocol, host.facts.version) ?? '';
  const { lease, drained, leaving, announcedAtMs } = host;
  return { ...host.facts, state: lease?.state ?? idleState(host, problem), drained, leaving, problem, lease, announcedAtMs };
}

function idleState({ silent, drained, leaving }: FleetHost, problem: string): HostStatus['state'] {
  if (silent) return 'silent';
  if (problem !== '') return 'incompatible';
  return drained ? 'drained' : leaving ? 'leaving' : 'free';
}
