const MOST_NAMED = 4;

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

function named(hosts: string[]): string {
  const more = hosts.length - MOST_NAMED;
  if (more > 0) return `${hosts.slice(0, MOST_NAMED).join(', ')} and ${more} more`;
  return hosts.length === 1 ? (hosts[0] ?? '') : `${hosts.slice(0, -1).join(', ')} and ${hosts.at(-1)}`;
}
