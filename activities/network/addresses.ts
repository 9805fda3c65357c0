import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import { AddressNotFound } from './errors.js';

/** One address of this machine. `internal` is loopback. */
export interface Candidate {
  interface: string;
  address: string;
  prefixLength: number;
  family: 4 | 6;
  internal: boolean;
}

/** What the user asked for (`--address`, `--network`, `--interface`); `address` wins, the other two narrow each other. */
export interface AddressWish {
  address?: string | undefined;
  network?: string | undefined;
  interface?: string | undefined;
}

/** The one address a host offers, the interface that holds it (for NCCL and Gloo), and why, for people. */
export interface ChosenAddress {
  address: string;
  interface: string;
  reason: string;
}

/** Every address of this machine, in the kernel's order: an interface's primary address comes before its others. */
export function listCandidates(): Candidate[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).map(({ address, cidr, family, internal }) => ({
      interface: name,
      address,
      prefixLength: Number(cidr?.split('/')[1] ?? (family === 'IPv4' ? 32 : 128)),
      family: family === 'IPv4' ? (4 as const) : (6 as const),
      internal,
    })),
  );
}

/** The interface of the IPv4 default route with the lowest metric, else of the IPv6 one; undefined without either, and off Linux. */
export function defaultRouteInterface(): string | undefined {
  return parseDefaultRoute(readOrEmpty('/proc/net/route'), readOrEmpty('/proc/net/ipv6_route'));
}

/** As `defaultRouteInterface`, from the texts of `/proc/net/route` and `/proc/net/ipv6_route`. */
export function parseDefaultRoute(route: string, route6: string): string | undefined {
  const words = (text: string) => text.split('\n').map((line) => line.trim().split(/\s+/));
  const v4 = words(route)
    .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
    .map(([name, , , flags, , , metric]) => ({ name, flags: Number.parseInt(flags ?? '', 16), metric: Number(metric) }));
  const v6 = words(route6)
    .filter(([destination, length]) => /^0{32}$/.test(destination ?? '') && length === '00')
    .map((fields) => ({ name: fields[9], flags: Number.parseInt(fields[8] ?? '', 16), metric: Number.parseInt(fields[5] ?? '', 16) }));
  const best = (routes: typeof v4) =>
    routes.filter(({ name, flags }) => name !== 'lo' && flags & RTF_UP && !(flags & RTF_REJECT)).sort((a, b) => a.metric - b.metric)[0]?.name;
  return best(v4) ?? best(v6);
}

/**
 * The address of this machine that fits the wish; without a wish that of the default route's interface, else the only one that
 * others could reach. Loopback is taken only where it is asked for. Throws `AddressNotFound`.
 */
export function chooseAddress(wish: AddressWish, candidates: Candidate[], defaultRoute: string | undefined): ChosenAddress {
  if (wish.address !== undefined) return givenAddress(wish.address, candidates);
  const usable = candidates.filter(canBeDialled).sort((a, b) => preference(a, defaultRoute) - preference(b, defaultRoute));
  if (wish.network !== undefined || wish.interface !== undefined) return wishedAddress(wish, usable, candidates);

  const outside = usable.filter(({ internal }) => !internal);
  const routed = outside.find((candidate) => candidate.interface === defaultRoute);
  if (routed) return chosen(routed, `it is on ${routed.interface}, the interface of the default route`);
  const real = outside.filter((candidate) => !VIRTUAL_INTERFACE.test(candidate.interface));
  for (const some of [real.filter(({ family }) => family === 4), real, outside]) {
    if (some.length > 1) break;
    if (some[0]) return chosen(some[0], 'it is the only address here that others could reach');
  }
  const why = outside.length === 0 ? 'has no address that other machines could reach' : 'has several addresses and no default route to tell them apart';
  throw new AddressNotFound(`This machine ${why}: ${listed(candidates)}. Pass --address, --network or --interface.`);
}

function givenAddress(given: string, candidates: Candidate[]): ChosenAddress {
  if (isIP(given) === 0) throw new AddressNotFound(`--address ${given} is not an IP address. This machine has ${listed(candidates)}.`);
  const wanted = ipaddr.process(given);
  const address = wanted.toString();
  const held = candidates.find((candidate) => ipaddr.parse(candidate.address).toString() === address);
  if (held) return chosen(held, 'it was given with --address');
  // Linux answers on all of 127.0.0.0/8 although the interface lists 127.0.0.1 only.
  if (wanted.kind() === 'ipv4' && wanted.range() === 'loopback') {
    const loopback = candidates.find(({ internal, family }) => internal && family === 4);
    return { address, interface: loopback?.interface ?? 'lo', reason: 'it was given with --address' };
  }
  throw new AddressNotFound(`--address ${given} is not an address of this machine, which has ${listed(candidates)}.`);
}

function wishedAddress(wish: AddressWish, usable: Candidate[], candidates: Candidate[]): ChosenAddress {
  const network = wish.network === undefined ? undefined : parseNetwork(wish.network);
  const fit = usable.find((candidate) => {
    if (wish.interface !== undefined && candidate.interface !== wish.interface) return false;
    if (!network) return true;
    const address = ipaddr.parse(candidate.address);
    return address.kind() === network[0].kind() && address.match(network);
  });
  const wished = [wish.network && `in network ${wish.network}`, wish.interface && `on interface ${wish.interface}`].filter(Boolean).join(' ');
  if (fit) return chosen(fit, `it is ${wished}, as asked`);
  throw new AddressNotFound(`No address of this machine is ${wished}; it has ${listed(candidates)}.`);
}

function parseNetwork(network: string) {
  const [address, length] = network.split('/');
  if (address && isIP(address) && length && /^\d+$/.test(length) && ipaddr.isValidCIDR(network)) return ipaddr.parseCIDR(network);
  throw new AddressNotFound(`--network ${network} is not a network such as 10.0.0.0/24.`);
}

// An IPv6 link-local address means nothing to another machine without an interface of that machine.
function canBeDialled({ address, family }: Candidate): boolean {
  return !(family === 6 && ipaddr.parse(address).range() === 'linkLocal');
}

function preference(candidate: Candidate, defaultRoute: string | undefined): number {
  const linkLocal = ipaddr.parse(candidate.address).range() === 'linkLocal';
  const doubts = [candidate.internal, linkLocal, VIRTUAL_INTERFACE.test(candidate.interface) && candidate.interface !== defaultRoute];
  const weight = doubts.reduce((sum, doubt, place) => sum + (doubt ? 2 ** (5 - place) : 0), 0);
  return weight + (candidate.interface === defaultRoute ? 0 : 2) + (candidate.family === 4 ? 0 : 1);
}

function chosen(candidate: Candidate, reason: string): ChosenAddress {
  return { address: candidate.address, interface: candidate.interface, reason };
}

function listed(candidates: Candidate[]): string {
  return candidates.map((candidate) => `${candidate.address}/${candidate.prefixLength} (${candidate.interface})`).join(', ') || 'none at all';
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

// Flags of <linux/route.h>.
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;

// Container bridges, their ends, and tunnels: the same address often exists on every machine, so they come last.
const VIRTUAL_INTERFACE = /^(docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel|cali|cilium|lxc|lxd|podman|tun|tap|wg|zt|tailscale)/;
