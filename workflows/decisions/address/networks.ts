import ipaddr from 'ipaddr.js';
import type { InterfaceKind } from '../../../spec/candidates.js';
import type { HostOptions, Option } from './options.js';
import type { Ranked } from './settle.js';

/** A network in which every host has an address. What it says of its links is true of all hosts. */
export interface SharedNetwork {
  /** As `10.0.0.0/24`. */
  cidr: string;
  /** The hosts with their addresses in it. */
  hosts: Ranked[];
  doubt: number;
  kind: InterfaceKind;
  speedMbit: number;
  family: 4 | 6;
  private: boolean;
  defaultRoute: boolean;
  length: number;
}

/**
 * The networks that all hosts share, the best first. A host is in a network when its address lies there and its own prefix is at least as
 * long. `banned` are networks that only look shared: two hosts have one address in them, so each has its own (172.17.0.0/16).
 */
export function sharedNetworks(hosts: readonly HostOptions[], banned: ReadonlySet<string>, mostDoubt: number): SharedNetwork[] {
  const allowed = hosts.map(({ options }) => options.filter((option) => option.asked || option.doubt <= mostDoubt));
  const networks = new Map<string, Map<number, Option[]>>();
  for (const option of allowed.flat()) {
    const key = networkOf(option);
    if (key !== null && !banned.has(key)) networks.set(key, new Map());
  }
  const lengths = [...new Set([...networks.keys()].map((key) => key.length - 1))];
  for (const [index, options] of allowed.entries()) {
    for (const option of options) {
      for (const length of lengths) {
        const members = length <= prefixLength(option) ? networks.get(keyOf(option, length)) : undefined;
        if (members) members.set(index, [...(members.get(index) ?? []), option]);
      }
    }
  }
  const shared = [...networks].filter(([, members]) => members.size === hosts.length);
  return shared.map(([key, members]) => describe(key, hosts, members)).sort(compare);
}

/** The network that an address and its prefix make, as a key; null where they make none. */
export function networkOf(option: Option): string | null {
  const length = prefixLength(option);
  const least = option.candidate.family === 4 ? 8 : 16;
  return length < least || length >= option.bits.length ? null : keyOf(option, length);
}

/** Why the one was preferred to the other, in words. */
export function whyPreferred(better: SharedNetwork, worse: SharedNetwork): string {
  const decisive = CRITERIA.find(({ order }) => order(better, worse) !== 0);
  return decisive ? decisive.why(better, worse) : 'the first in order';
}

function compare(a: SharedNetwork, b: SharedNetwork): number {
  for (const { order } of CRITERIA) if (order(a, b) !== 0) return order(a, b);
  return a.cidr < b.cidr ? -1 : 1;
}

const CRITERIA: readonly { order(a: SharedNetwork, b: SharedNetwork): number; why(better: SharedNetwork, worse: SharedNetwork): string }[] = [
  { order: (a, b) => a.doubt - b.doubt, why: (a, b) => (a.kind === b.kind ? 'the default route leaves by it' : `${a.kind} rather than ${b.kind}`) },
  { order: (a, b) => b.speedMbit - a.speedMbit, why: (a, b) => `${speed(a.speedMbit)} rather than ${speed(b.speedMbit)}` },
  { order: (a, b) => a.family - b.family, why: () => 'IPv4 rather than IPv6' },
  { order: (a, b) => Number(b.private) - Number(a.private), why: () => 'private rather than public' },
  { order: (a, b) => Number(b.defaultRoute) - Number(a.defaultRoute), why: () => 'the default route leaves by it' },
  { order: (a, b) => b.length - a.length, why: () => 'the narrower one' },
];

function describe(key: string, hosts: readonly HostOptions[], members: ReadonlyMap<number, readonly Option[]>): SharedNetwork {
  const length = key.length - 1;
  const ranked = hosts.map(({ host }, index) => ({ host, options: [...(members.get(index) ?? [])].sort(withinNetwork(length)) }));
  const firsts = ranked.flatMap(({ options }) => options[0] ?? []);
  const worst = firsts.reduce((a, b) => (b.doubt > a.doubt || (b.doubt === a.doubt && b.candidate.kind > a.candidate.kind) ? b : a));
  return {
    cidr: cidrOf(key),
    hosts: ranked,
    ...{ doubt: worst.doubt, kind: worst.candidate.kind, family: worst.candidate.family, length },
    speedMbit: Math.min(...firsts.map(speedOf)),
    private: firsts.every((option) => option.private),
    defaultRoute: firsts.every(({ candidate }) => candidate.defaultRoute),
  };
}

/** The best address of one host in one network. */
function withinNetwork(length: number): (a: Option, b: Option) => number {
  const nested = (option: Option) => Number(prefixLength(option) !== length);
  return (a, b) =>
    a.doubt - b.doubt ||
    speedOf(b) - speedOf(a) ||
    Number(b.candidate.defaultRoute) - Number(a.candidate.defaultRoute) ||
    nested(a) - nested(b) ||
    a.place - b.place;
}

/** A link that does not tell its speed, such as a virtual machine's, counts as 1 Gbit/s. */
export function speedOf({ candidate }: Option): number {
  return candidate.speedMbit ?? 1_000;
}

function speed(mbit: number): string {
  return mbit >= 1_000 ? `${mbit / 1_000} Gbit/s` : `${mbit} Mbit/s`;
}

function keyOf({ bits, candidate }: Option, length: number): string {
  return candidate.family + bits.slice(0, length);
}

/** As the host says, but that overlays hand out lone addresses of one network: 100.64.0.0/10, or the 48 bits of an organisation in IPv6. */
function prefixLength({ candidate, bits, private: isPrivate }: Option): number {
  const { kind, family, prefixLength: own } = candidate;
  if (kind !== 'tunnel' || own < bits.length || !isPrivate) return own;
  if (family === 6) return 48;
  return bits.startsWith(CARRIER_GRADE) ? CARRIER_GRADE.length : own;
}

const CARRIER_GRADE = '0110010001';

function cidrOf(key: string): string {
  const length = key.length - 1;
  const bits = key.slice(1).padEnd(key.startsWith('4') ? 32 : 128, '0');
  const bytes = (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
  return `${ipaddr.fromByteArray(bytes)}/${length}`;
}
