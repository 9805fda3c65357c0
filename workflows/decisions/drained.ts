/** Those of a run's hosts that are drained, when it hears of one more; what it does not hold is none of them. */
export function withDrained(drained: readonly string[], held: readonly string[], host: string): string[] {
  return held.includes(host) && !drained.includes(host) ? [...drained, host] : [...drained];
}

/** Those that are left when these are in use again, given back or newly granted: no run gets a drained host. */
export function withoutDrained(drained: readonly string[], hosts: readonly string[]): string[] {
  return drained.filter((host) => !hosts.includes(host));
}
