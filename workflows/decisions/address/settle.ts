import { DOUBT } from '../../../spec/candidates.js';
import type { HostOptions, Option } from './options.js';

/** An address that was proven not to work: for the peer named, or where that is null for anybody. */
export interface Unreachable {
  host: string;
  address: string;
  /** Who could not reach it, and from which address of its own. */
  peer: { host: string; address: string } | null;
}

/** A host with its options, the best first. */
export type Ranked = Pick<HostOptions, 'host' | 'options'>;

/**
 * The first option of each host, or the next where a pair of them was proven unreachable: the one that was not reached gives way, and the
 * other where it cannot. Null where an option runs out, two hosts would get one address, or some would be on loopback or of another family.
 */
export function settle(hosts: readonly Ranked[], avoid: readonly Unreachable[]): Option[] | null {
  const left = new Map(hosts.map(({ host, options }) => [host, [...options]]));
  const holds = (host: string, address: string) => left.get(host)?.[0]?.candidate.address === address;
  for (;;) {
    const broken = avoid.filter(({ host, address, peer }) => peer !== null && holds(host, address) && holds(peer.host, peer.address));
    if (broken.length === 0) break;
    const givingWay = new Set<string>();
    for (const { host, peer } of broken) {
      const who = [host, peer?.host ?? host].find((each) => (left.get(each)?.length ?? 0) > 1);
      if (who === undefined) return null;
      givingWay.add(who);
    }
    for (const host of givingWay) left.get(host)?.shift();
  }
  const chosen = hosts.flatMap(({ host }) => left.get(host)?.[0] ?? []);
  return chosen.length === hosts.length && agree(chosen) ? chosen : null;
}

function agree(chosen: readonly Option[]): boolean {
  const kinds = new Set(chosen.map(({ candidate, doubt }) => `${candidate.family} ${doubt >= DOUBT.loopback}`));
  return kinds.size <= 1 && new Set(chosen.map(({ bits }) => bits)).size === chosen.length;
}
