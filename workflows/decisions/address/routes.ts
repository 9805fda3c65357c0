import { DOUBT } from '../../../spec/candidates.js';
import { speedOf } from './networks.js';
import type { HostOptions, Option } from './options.js';
import type { Ranked } from './settle.js';

/**
 * For hosts that share no network: ways to give each an address that can be routed to, the likeliest first. All addresses of a way are of
 * one family. The interface of the default route comes first, private addresses before public ones, tunnels and veth only after the rest,
 * private and public ones together last. Container bridges, link-local and loopback addresses are not routed, so they need to be asked for.
 */
export function* routedWays(hosts: readonly HostOptions[]): Generator<Ranked[]> {
  for (const ways of [STRAIGHT, [() => true]]) {
    for (const mostDoubt of [DOUBT.other, DOUBT.veth]) {
      for (const family of [4, 6]) {
        for (const way of ways) {
          const may = (option: Option) => option.given || ((option.asked || option.doubt <= mostDoubt) && way(option));
          const fits = (option: Option) => option.candidate.family === family && may(option);
          const ranked = hosts.map(({ host, options }) => ({ host, options: options.filter(fits).sort(compareRouted) }));
          if (ranked.every(({ options }) => options.length > 0)) yield ranked;
        }
      }
    }
  }
}

const STRAIGHT: readonly ((option: Option) => boolean)[] = [
  (option) => option.candidate.defaultRoute && option.private,
  (option) => option.candidate.defaultRoute && !option.private,
  (option) => option.private,
  (option) => !option.private,
];

/** Default route, likelier link, faster, private, in the host's order. */
export function compareRouted(a: Option, b: Option): number {
  return (
    Number(b.candidate.defaultRoute) - Number(a.candidate.defaultRoute) ||
    a.doubt - b.doubt ||
    speedOf(b) - speedOf(a) ||
    Number(b.private) - Number(a.private) ||
    a.place - b.place
  );
}
