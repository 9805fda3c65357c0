import { networkOf } from './networks.js';
import type { HostOptions, Option } from './options.js';

/** Hosts without the addresses that another host has too; what was taken from them; the networks that such an address is in. */
export interface Distinct {
  hosts: HostOptions[];
  taken: { host: string; option: Option }[];
  banned: ReadonlySet<string>;
}

/** An address that several hosts have is nobody's, unless it was given to the host. */
export function withoutDuplicates(hosts: readonly HostOptions[]): Distinct {
  const holders = new Map<string, Set<string>>();
  for (const { host, options } of hosts) {
    for (const option of options) holders.set(option.bits, (holders.get(option.bits) ?? new Set()).add(host));
  }
  const isDuplicate = (option: Option) => (holders.get(option.bits)?.size ?? 0) > 1;
  const taken = hosts.flatMap(({ host, options }) => options.filter(isDuplicate).map((option) => ({ host, option })));
  const kept = hosts.map((host) => ({ ...host, options: host.options.filter((option) => option.given || !isDuplicate(option)) }));
  const given = new Set(hosts.flatMap(({ options }) => options.filter((option) => option.given).map(({ bits }) => bits)));
  const banned = taken.filter(({ option }) => !given.has(option.bits)).flatMap(({ option }) => networkOf(option) ?? []);
  return { hosts: kept, taken, banned: new Set(banned) };
}
