import ipaddr from 'ipaddr.js';
import { type Candidate, DOUBT, doubt } from '../../../spec/candidates.js';

/** What somebody asked for. `network` may have host bits; the two narrow each other. */
export interface AddressWish {
  network: string | null;
  interface: string | null;
}

/** What a host has, and what its agent was told (`--address`, `--network`, `--interface`). */
export interface HostAddresses {
  host: string;
  candidates: readonly Candidate[];
  told: AddressWish & { address: string | null };
}

/** An address that a host may get. */
export interface Option {
  candidate: Candidate;
  /** The address in binary digits: two are in one network when they begin alike. */
  bits: string;
  doubt: number;
  /** An address for use within an organisation; IPv4 of carriers (100.64.0.0/10) too. */
  private: boolean;
  /** The host was started with `--address`: there is no other for it. */
  given: boolean;
  /** It fits a wish, so nothing speaks against it but that it cannot work. */
  asked: boolean;
  /** Its place in the host's list. */
  place: number;
}

/** A host with the addresses that it may get. */
export interface HostOptions {
  host: string;
  candidates: readonly Candidate[];
  options: readonly Option[];
  /** The address that it was told, or null. */
  given: string | null;
  /** What its addresses had to fit, or null. */
  wish: AddressWish | null;
}

/**
 * What each host may get. A given address stands above all; the task's wish takes the place of the host's own. Never: a link that is
 * down, an IPv6 link-local address (it means nothing to another machine), and loopback that nobody asked for unless the host is alone.
 */
export function optionsOf(host: HostAddresses, task: AddressWish, alone: boolean): HostOptions {
  const { candidates, told } = host;
  const common = { host: host.host, candidates, given: told.address };
  if (told.address !== null) return { ...common, options: givenOption(told.address, candidates), wish: null };
  const wish = isWish(task) ? task : isWish(told) ? told : null;
  const fits = wish && fitting(wish);
  const options = candidates.flatMap((candidate, place) => {
    const option = toOption(candidate, place, wish !== null);
    if (option === null || !candidate.up || (fits && !fits(option))) return [];
    return option.doubt >= DOUBT.loopback && !option.asked && !alone ? [] : [option];
  });
  return { ...common, options, wish };
}

function isWish({ network, interface: name }: AddressWish): boolean {
  return network !== null || name !== null;
}

/** Linux answers on all of 127.0.0.0/8 although an interface lists 127.0.0.1 only, so a given loopback address needs not be listed. */
function givenOption(text: string, candidates: readonly Candidate[]): Option[] {
  if (!ipaddr.isValid(text)) return [];
  const wanted = ipaddr.process(text);
  const same = (candidate: Candidate) => ipaddr.isValid(candidate.address) && ipaddr.parse(candidate.address).toString() === wanted.toString();
  const place = candidates.findIndex(same);
  const held = candidates[place];
  const loopback: Candidate = {
    ...{ interface: candidates.find(({ kind }) => kind === 'loopback')?.interface ?? 'lo', address: wanted.toString(), prefixLength: 8, family: 4 },
    ...{ kind: 'loopback', speedMbit: null, defaultRoute: false, up: true },
  };
  const option = held ? toOption(held, place, true) : wanted.kind() === 'ipv4' && wanted.range() === 'loopback' ? toOption(loopback, 0, true) : null;
  return option ? [{ ...option, given: true }] : [];
}

function fitting({ network, interface: name }: AddressWish): (option: Option) => boolean {
  const prefix = network === null ? null : prefixOf(network);
  return ({ candidate, bits }) => {
    if (name !== null && candidate.interface !== name) return false;
    return network === null || (prefix !== null && prefix.family === candidate.family && bits.startsWith(prefix.bits));
  };
}

function prefixOf(network: string): { family: 4 | 6; bits: string } | null {
  if (!ipaddr.isValidCIDR(network)) return null;
  const [address, length] = ipaddr.parseCIDR(network);
  return { family: address.kind() === 'ipv4' ? 4 : 6, bits: toBits(address).slice(0, length) };
}

function toOption(candidate: Candidate, place: number, asked: boolean): Option | null {
  if (!ipaddr.isValid(candidate.address)) return null;
  const address = ipaddr.parse(candidate.address);
  const range = address.range();
  if (NOBODYS.has(range) || address.kind() !== `ipv${candidate.family}` || (candidate.family === 6 && range === 'linkLocal')) return null;
  // What the address says holds even where the host could not tell the kind of the interface.
  const least = range === 'loopback' ? DOUBT.loopback : range === 'linkLocal' ? DOUBT['link-local'] : 0;
  return { candidate, bits: toBits(address), doubt: Math.max(doubt(candidate), least), private: PRIVATE.has(range), given: false, asked, place };
}

function toBits(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  return address
    .toByteArray()
    .map((byte) => BYTES[byte])
    .join('');
}

const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(2).padStart(8, '0'));
const NOBODYS: ReadonlySet<string> = new Set(['unspecified', 'broadcast', 'multicast', 'ipv4Mapped']);
const PRIVATE: ReadonlySet<string> = new Set(['private', 'carrierGradeNat', 'uniqueLocal', 'linkLocal', 'loopback']);
