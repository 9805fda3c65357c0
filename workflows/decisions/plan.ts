import type { Plan, PlanAsked } from '../../spec/messages.js';
import { decideAddresses } from './address.js';
import { decideGrants, decideNever, describeWait, type FleetHost } from './lease.js';
import { compareAddresses } from './seal.js';

/**
 * Which hosts a task would have now, in rank order, as a lease and a seal would decide; or what it would wait for. Requests that wait
 * already come first, and are counted.
 */
export function decidePlan(all: readonly FleetHost[], ahead: number, { fleet, parts, hosts, wish }: PlanAsked): Plan {
  const run = { handle: '', runId: '', name: '', fleet };
  const request = { run, request: '', parts, hosts, except: [], extra: false, first: false, unmet: 'wait' as const, ...NEVER_HELD };
  const [grant] = decideGrants(all, [request]);
  if (!grant) {
    const never = decideNever(all, request);
    return { nodes: [], fails: null, waits: `it ${never ?? describeWait(all, request)}`, never: never !== null, ahead };
  }
  const facts = all.map((host) => host.facts).filter(({ host }) => grant.hosts.some((granted) => granted.host === host));
  const decision = decideAddresses({ hosts: facts, wish, avoid: [] });
  if (decision.kind === 'failed') return { nodes: [], fails: decision.failure, waits: null, never: false, ahead };
  const granted = decision.hosts.map((chosen) => ({ ...chosen, group: grant.hosts.find(({ host }) => host === chosen.host)?.group ?? 0 }));
  const place = (id: string) => hosts?.indexOf(id) ?? 0;
  const inOrder = granted.sort((a, b) => a.group - b.group || place(a.host) - place(b.host) || compareAddresses(a.address, b.address));
  return { nodes: inOrder.map((node, rank) => ({ rank, ...node })), fails: null, waits: null, never: false, ahead };
}

/** Nothing is asked for, so nothing is waited for or ended. */
const NEVER_HELD = { stop: { signal: '', seconds: 0 }, askedAtMs: 0, queueTimeoutSeconds: 0, deadlineMs: 0 };
