/**
 * What holds an address. `bridge` has a port to the outside; `container-bridge` has none, or only ends of containers and virtual machines;
 * `veth` is one end of a pair, and inside a container often its only way out; `link-local` and `loopback` are told by the address;
 * `other` is what has no better word (dummy, macvlan, vrf).
 */
export type InterfaceKind = 'physical' | 'wireless' | 'bond' | 'vlan' | 'bridge' | 'container-bridge' | 'veth' | 'tunnel' | 'loopback' | 'link-local' | 'other';

/** One address that a host could be reached at. Plain JSON. */
export interface Candidate {
  interface: string;
  address: string;
  prefixLength: number;
  family: 4 | 6;
  kind: InterfaceKind;
  /** Of the link, as the driver says; null where it does not say. */
  speedMbit: number | null;
  /** The default route leaves by this interface. */
  defaultRoute: boolean;
  /** The link is up, and the address is not one that the kernel still checks or has found twice. */
  up: boolean;
}

/** A host reports at most this many, the likeliest first. */
export const MOST_CANDIDATES = 32;
/** The fleet knows at most this many of a host, to plan with. */
export const MOST_ANNOUNCED = 6;

/**
 * How unlikely it is that another machine reaches this address, 0 for the likeliest. An interface that holds the default route
 * leads out whatever it is made of, but for a tunnel and radio.
 */
export function doubt({ kind, defaultRoute }: Pick<Candidate, 'kind' | 'defaultRoute'>): number {
  return defaultRoute && LIFTED.has(kind) ? DOUBT.physical : DOUBT[kind];
}

/** The doubt of each kind. */
export const DOUBT: Readonly<Record<InterfaceKind, number>> = {
  physical: 0,
  bond: 0,
  vlan: 0,
  bridge: 1,
  wireless: 2,
  other: 3,
  tunnel: 4,
  veth: 5,
  'container-bridge': 6,
  'link-local': 7,
  loopback: 8,
};

const LIFTED: ReadonlySet<InterfaceKind> = new Set(['bridge', 'other', 'veth', 'container-bridge']);
