import { named } from '../spec/words.js';

/** Why the addresses are what they are, for people: a line for each reason, and with several of them whom it is of. */
export function addressReasons(nodes: readonly { host: string; reason: string }[]): string[] {
  const hosts = new Map<string, string[]>();
  for (const { host, reason } of nodes) {
    const why = reason.slice(reason.indexOf(': ') + 2);
    if (reason !== '') hosts.set(why, [...(hosts.get(why) ?? []), host]);
  }
  if (hosts.size === 1) return [...hosts.keys()].map((why) => `addresses: ${why}`);
  return [...hosts].map(([why, of]) => `address of ${named(of)}: ${why}`);
}
