import { DOUBT } from '../../spec/candidates.js';
import type { Failure } from '../../spec/failures.js';
import { withoutDuplicates } from './address/duplicates.js';
import { sharedNetworks, whyPreferred } from './address/networks.js';
import { type AddressWish, type HostAddresses, type HostOptions, type Option, optionsOf } from './address/options.js';
import { describeRefusal, describeWish } from './address/refusal.js';
import { compareRouted, routedWays } from './address/routes.js';
import { settle, type Unreachable } from './address/settle.js';

export interface AddressFacts {
  hosts: readonly HostAddresses[];
  /** The task's `network` and `interface`. */
  wish: AddressWish;
  /** What was proven not to work, so that the next best is taken. */
  avoid: readonly Unreachable[];
}

/** One host's address, and why: a sentence for people. */
export interface HostAddress {
  host: string;
  address: string;
  interface: string;
  reason: string;
}

export type AddressDecision = { kind: 'chosen'; hosts: HostAddress[] } | { kind: 'failed'; failure: Failure };

/**
 * One address for every host, chosen across all of them: what was given or asked for; else the best network that all share; else, on
 * different subnets, addresses that can be routed to; else a network of container bridges or link-local addresses that all share. All
 * are different, of one family, and the order of the hosts plays no part. Whether they work is for the peers to prove. The failures are
 * `AddressNotFound` and `DuplicateAddress`; with everything in `avoid`, what was proven unreachable says more than the failure here.
 */
export function decideAddresses(facts: AddressFacts): AddressDecision {
  const alone = facts.hosts.length === 1;
  const found = facts.hosts.map((host) => optionsOf(host, facts.wish, alone));
  const distinct = withoutDuplicates(found);
  const dead = new Set(facts.avoid.flatMap(({ host, address, peer }) => (peer === null ? [`${host} ${address}`] : [])));
  const hosts = distinct.hosts.map((host) => ({ ...host, options: host.options.filter((option) => !dead.has(`${host.host} ${option.candidate.address}`)) }));
  const { banned } = distinct;
  const { avoid } = facts;
  const chosen =
    onGiven(hosts, avoid) ??
    onSharedNetwork(hosts, banned, DOUBT.veth, avoid) ??
    onRoutes(hosts, avoid) ??
    onSharedNetwork(hosts, banned, DOUBT['link-local'], avoid) ??
    onAnything(hosts, avoid);
  return chosen ? { kind: 'chosen', hosts: chosen } : { kind: 'failed', failure: describeRefusal(found, distinct.taken, avoid.length > 0) };
}

/** Where every host was told its address, there is nothing to choose. */
function onGiven(hosts: readonly HostOptions[], avoid: readonly Unreachable[]): HostAddress[] | null {
  if (hosts.some(({ given }) => given === null)) return null;
  return named(hosts, settle(hosts, avoid), () => '');
}

function onSharedNetwork(hosts: readonly HostOptions[], banned: ReadonlySet<string>, mostDoubt: number, avoid: readonly Unreachable[]): HostAddress[] | null {
  if (hosts.length < 2) return null;
  const networks = sharedNetworks(hosts, banned, mostDoubt);
  for (const [place, network] of networks.entries()) {
    const chosen = settle(network.hosts, avoid);
    if (chosen === null) continue;
    const share = `all ${hosts.length} hosts share`;
    const next = networks[place + 1];
    const why = next ? `preferred to ${next.cidr}: ${whyPreferred(network, next)}` : 'the last such network';
    const first = networks.length === 1 ? `the one network that ${share}` : `on ${network.cidr}, which ${share}; ${why}`;
    const reason = place === 0 ? first : `on ${network.cidr}, which ${share}; not all reach each other on ${networks[0]?.cidr}`;
    return named(hosts, chosen, () => reason);
  }
  return null;
}

function onRoutes(hosts: readonly HostOptions[], avoid: readonly Unreachable[]): HostAddress[] | null {
  const apart = hosts.length === 1 ? '' : `the ${hosts.length} hosts share no usable network; `;
  const words = ({ candidate }: Option) =>
    candidate.defaultRoute ? `${apart}the default route leaves by ${candidate.interface}` : `${apart}the likeliest of its addresses to be reached`;
  for (const way of routedWays(hosts)) {
    const chosen = settle(way, avoid);
    if (chosen) return named(hosts, chosen, words);
  }
  return null;
}

/** A host that is alone in its run is reached by nobody else, so that even loopback will do. */
function onAnything(hosts: readonly HostOptions[], avoid: readonly Unreachable[]): HostAddress[] | null {
  if (hosts.length !== 1) return null;
  const ranked = hosts.map(({ host, options }) => ({ host, options: [...options].sort(compareRouted) }));
  return named(hosts, settle(ranked, avoid), () => 'the run has no other host');
}

function named(hosts: readonly HostOptions[], chosen: readonly Option[] | null, words: (option: Option) => string): HostAddress[] | null {
  if (chosen === null) return null;
  return chosen.map((option, index) => {
    const { address, interface: name } = option.candidate;
    const { host = '', wish = null } = hosts[index] ?? {};
    const why = option.given ? 'it was given with --address' : wish ? `it is ${describeWish(wish)}, as asked` : words(option);
    return { host, address, interface: name, reason: `${address} on ${name}: ${why}` };
  });
}
