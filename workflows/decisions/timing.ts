/** The heartbeat timeout of a node: a fifth of the silence until its host is lost, at least 2 s. */
export function heartbeatSeconds(hostTimeoutSeconds: number): number {
  return Math.max(2, hostTimeoutSeconds / 5);
}
