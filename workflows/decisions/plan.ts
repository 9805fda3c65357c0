import type { Plan, PlanAsked } from '../../spec/messages.js';
import { decideGrants, decideNever, describeWait, type FleetHost } from './lease.js';
import { compareAddresses } from './seal.js';

/**
 * Which hosts a task would have now, in rank order, as a lease and a seal would decide; or what it would wait for. Requests that wait
 * already come first, and are counted.
 */
export function decidePlan(all: readonly FleetHost[], ahead: number, { fleet, parts, hosts }: PlanAsked): Plan {
  const run = { handle: '', runId: '', name: '', fleet };
  const request = { run, request: '', parts, hosts, first: false, unmet: 'wait' as const, askedAtMs: 0, queueTimeoutSeconds: 0, deadlineMs: 0 };
  const [grant] = decideGrants(all, [request]);
  if (!grant) return { nodes: [], waits: `it ${describeWait(all, request)}`, never: decideNever(all, request) !== null, ahead };
  const addressOf = (id: string) => all.find(({ facts }) => facts.host === id)?.facts.address ?? '';
  const granted = grant.hosts.map(({ host, group }) => ({ host, group, address: addressOf(host) }));
  const inOrder = hosts === null ? granted.sort((a, b) => a.group - b.group || compareAddresses(a.address, b.address)) : granted;
  return { nodes: inOrder.map((node, rank) => ({ rank, ...node })), waits: null, never: false, ahead };
}
