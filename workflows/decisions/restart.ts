import type { Failure, FailureType } from '../../spec/failures.js';
import { describeSeconds } from '../../spec/task/duration.js';
import { RESTART_CAUSES, type Restart, type RestartRule } from '../../spec/task/restart.js';

/** The node whose failure is to be decided about: the first of its generation, the rest is collateral. */
export interface FailedNode {
  rank: number;
  group: string;
  host: string;
  failure: Failure;
  /** code: of its exit; null where it did not exit. */
  code: number | null;
}

/** A restart that was decided, for the budget and the back-off of those that follow. */
export interface Charge {
  kind: 'restart' | 'loss';
  /** scope: whose running time counts. Two clocks are not compared. */
  scope: 'all' | 'node';
  host: string;
  /** ranMs: the running time by then of what was charged: the gang, or with scope `node` the seat. */
  ranMs: number;
  /** free: a rule said so: it counts for the back-off alone. */
  free: boolean;
}

/** `why` is a fragment for people, to stand behind what happened. */
export type RestartDecision =
  | {
      do: 'restart';
      scope: 'all' | 'node';
      delayMs: number;
      /** charge: null where it is free. It is to be kept as a `Charge` either way, of the kind that `chargeKind` gives. */
      charge: Charge['kind'] | null;
      /** left: of the budget, after this restart; null where it is free. */
      left: number | null;
      why: string;
    }
  | { do: 'ignore'; why: string }
  | {
      do: 'fail';
      /** exhausted: there was a budget, and it is used up. */
      exhausted: boolean;
      why: string;
    };

interface Facts {
  policy: Restart;
  onHostLoss: 'fail' | 'replace' | 'shrink';
  failed: FailedNode;
  charges: readonly Charge[];
  /** ranMs: the running time up to now of the gang; of the failed node's seat for a `restart` with scope `node`. */
  ranMs: number;
  /** random: from 0 to 1, for the jitter. */
  random: number;
}

const LOSSES: ReadonlySet<FailureType> = new Set<FailureType>(['HostLost', 'HostStateLost', 'HostRestarted', 'Fenced']);
const MENDABLE: ReadonlySet<FailureType> = new Set<FailureType>([...RESTART_CAUSES, ...LOSSES]);
const MOST_DOUBLINGS = 30;
const MOST_NAMED = 5;

/** Which budget a failure is charged to: that of restarts, or that of lost hosts, which always concerns all nodes. */
export function chargeKind(type: FailureType): Charge['kind'] {
  return LOSSES.has(type) ? 'loss' : 'restart';
}

/**
 * What is done about a failed node. The first rule that matches decides; without one a lost host goes by `onHostLoss` and
 * everything else by `attempts`. A charge is forgotten after so much *running* time, so neither a pause nor an outage forgives
 * anything, and a program that dies at once uses up its budget. What no restart mends always fails.
 */
export function decideRestart(facts: Facts): RestartDecision {
  const { policy, onHostLoss, failed } = facts;
  if (!MENDABLE.has(failed.failure.type)) return { do: 'fail', exhausted: false, why: `no restart mends ${failed.failure.type}` };
  const kind = chargeKind(failed.failure.type);
  const index = policy.rules.findIndex((rule) => matches(rule, failed));
  const rule = policy.rules[index];
  if (rule !== undefined) {
    const why = `rule ${index + 1} of restart`;
    if (rule.do === 'ignore') return { do: 'ignore', why };
    if (rule.do === 'fail') return { do: 'fail', exhausted: false, why };
    return restartWithin(facts, kind, rule.charge === 'free', why);
  }
  if (kind === 'loss' && onHostLoss === 'fail') return { do: 'fail', exhausted: false, why: 'on_host_loss: fail' };
  return restartWithin(facts, kind, false, null);
}

function matches({ exitCodes, causes, groups }: RestartRule, { failure, code, group }: FailedNode): boolean {
  const hasCode = exitCodes.length === 0 || (code !== null && exitCodes.some(({ from, to }) => from <= code && code <= to));
  const hasCause = causes.length === 0 || causes.some((cause) => cause === failure.type);
  return hasCode && hasCause && (groups.length === 0 || groups.includes(group));
}

function restartWithin(facts: Facts, kind: Charge['kind'], free: boolean, rule: string | null): RestartDecision {
  const { policy } = facts;
  const scope = kind === 'loss' ? 'all' : policy.scope;
  const before = facts.charges.filter((charge) => isRemembered(charge, { policy, host: facts.failed.host, ranMs: facts.ranMs }, kind, scope));
  const budget = kind === 'loss' ? policy.losses : policy.attempts;
  const used = before.filter((charge) => !charge.free).length;
  const say = (text: string) => (rule === null ? text : `${rule}, ${text}`);
  const restart = { do: 'restart' as const, scope, delayMs: delayOf(before.length, facts) };
  if (free) return { ...restart, charge: null, left: null, why: say('free of charge') };
  if (budget === 0) return { do: 'fail', exhausted: false, why: say(kind === 'loss' ? 'no lost host is to be made up for' : 'no restart is asked for') };
  const what = describeBudget(kind, scope, budget);
  if (used >= budget) return { do: 'fail', exhausted: true, why: say(exhausted(what, budget, policy.windowSeconds)) };
  const left = budget - used - 1;
  return { ...restart, charge: kind, left, why: say(`${left} of ${budget} ${what} left`) };
}

interface Remembering {
  policy: Restart;
  host: string;
  ranMs: number;
}

function isRemembered(charge: Charge, { policy, host, ranMs }: Remembering, kind: Charge['kind'], scope: 'all' | 'node'): boolean {
  if (charge.kind !== kind || charge.scope !== scope || (scope === 'node' && charge.host !== host)) return false;
  return policy.windowSeconds === null || ranMs - charge.ranMs < policy.windowSeconds * 1000;
}

/** What is left of each budget now, for people. `ranMs`: the running time up to now of a host's seat, by its id, or of the gang, by the empty name. */
export function describeLeft({
  policy,
  onHostLoss,
  charges,
  ranMs,
}: {
  policy: Restart;
  onHostLoss: 'fail' | 'replace' | 'shrink';
  charges: readonly Charge[];
  ranMs: (name: string) => number;
}): string[] {
  const { attempts, losses, scope } = policy;
  const used = (kind: Charge['kind'], of: 'all' | 'node', host: string) =>
    charges.filter((charge) => !charge.free && isRemembered(charge, { policy, host, ranMs: ranMs(host) }, kind, of)).length;
  const left: string[] = [];
  if (attempts > 0 && scope === 'all') left.push(`${attempts - used('restart', 'all', '')} of ${attempts} ${describeBudget('restart', 'all', attempts)} left`);
  if (attempts > 0 && scope === 'node') {
    const hosts = [...new Set(charges.map(({ host }) => host))].filter((host) => used('restart', 'node', host) > 0);
    const spent = hosts.slice(0, MOST_NAMED).map((host) => `${attempts - used('restart', 'node', host)} on ${host}`);
    const more = hosts.length > MOST_NAMED ? ', …' : '';
    left.push(
      `${attempts} ${attempts === 1 ? 'restart' : 'restarts'} for each node${spent.length > 0 ? `, of which are left: ${spent.join(', ')}${more}` : ''}`,
    );
  }
  if (onHostLoss !== 'fail' && losses > 0) left.push(`${losses - used('loss', 'all', '')} of ${losses} ${describeBudget('loss', 'all', losses)} left`);
  return left;
}

// The first comes at once: most failures do not come back.
function delayOf(before: number, { policy, random }: Facts): number {
  if (before === 0) return 0;
  const { firstSeconds, maxSeconds } = policy.backoff;
  const seconds = Math.min(firstSeconds * 2 ** Math.min(before - 1, MOST_DOUBLINGS), maxSeconds);
  return Math.round(seconds * 1000 * (0.75 + random / 2));
}

function describeBudget(kind: Charge['kind'], scope: 'all' | 'node', budget: number): string {
  if (kind === 'loss') return budget === 1 ? 'loss' : 'losses';
  return `${budget === 1 ? 'restart' : 'restarts'}${scope === 'node' ? ' of this node' : ''}`;
}

function exhausted(what: string, budget: number, windowSeconds: number | null): string {
  const within = windowSeconds === null ? '' : ` within ${describeSeconds(windowSeconds)} of running`;
  return budget === 1 ? `the only ${what}${within} is used` : `all ${budget} ${what}${within} are used`;
}

/** How many restarts `attempts` still allows; with scope `node`, to the node that has the fewest. `ranOf`: the running time of a host, or of the gang under the empty name. */
export function restartsLeft(policy: Restart, charges: readonly Charge[], ranOf: (host: string) => number): number {
  const { attempts, scope, windowSeconds } = policy;
  const isCharged = (charge: Charge) => charge.kind === 'restart' && charge.scope === scope && !charge.free;
  const isKept = (charge: Charge) => windowSeconds === null || ranOf(scope === 'node' ? charge.host : '') - charge.ranMs < windowSeconds * 1000;
  const used = new Map<string, number>();
  for (const charge of charges) {
    const who = scope === 'node' ? charge.host : '';
    if (isCharged(charge) && isKept(charge)) used.set(who, (used.get(who) ?? 0) + 1);
  }
  return Math.max(0, attempts - Math.max(0, ...used.values()));
}
