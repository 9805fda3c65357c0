import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { FAILURES, type FailureType } from '../../spec/failures.js';
import { NO_RESTART, RESTART_CAUSES, RESTART_DEFAULTS, type Restart, type RestartRule } from '../../spec/task/restart.js';
import {
  type Charge,
  chargeKind,
  decideRestart,
  describeLeft,
  type FailedNode,
  type RestartDecision,
  restartsLeft,
} from '../../workflows/decisions/restart.js';

const HOUR_MS = 3_600_000;

type Given = Partial<Omit<Restart, 'rules'>> & {
  rules?: Partial<RestartRule>[];
  lost?: 'fail' | 'replace';
  charges?: Charge[];
  ranMs?: number;
  random?: number;
};

function failed(type: FailureType, more: Partial<FailedNode> = {}): FailedNode {
  return { rank: 1, group: 'workers', host: 'h-1', failure: { type, message: 'm' }, code: null, ...more };
}

function rule(more: Partial<RestartRule>): RestartRule {
  return { exitCodes: [], causes: [], groups: [], do: 'restart', charge: 'budget', ...more };
}

function decide(node: FailedNode, { rules = [], lost = 'replace', charges = [], ranMs = HOUR_MS, random = 0.5, ...policy }: Given = {}): RestartDecision {
  return decideRestart({ policy: { ...RESTART_DEFAULTS, ...policy, rules: rules.map(rule) }, onHostLoss: lost, failed: node, charges, ranMs, random });
}

/** `restart all, free, after 0 ms: why`: a decision on one line. */
function tell(decision: RestartDecision): string {
  if (decision.do === 'ignore') return `ignore: ${decision.why}`;
  if (decision.do === 'fail') return `fail${decision.exhausted ? ', exhausted' : ''}: ${decision.why}`;
  return `${decision.scope}, ${decision.charge ?? 'free'}, left ${decision.left}, after ${decision.delayMs} ms: ${decision.why}`;
}

const crashed = (code: number, more: Partial<FailedNode> = {}) => failed('CommandFailed', { code, ...more });
const charge = (more: Partial<Charge> = {}): Charge => ({ kind: 'restart', scope: 'all', host: 'h-1', ranMs: HOUR_MS - 1, free: false, ...more });
const charges = (count: number, more: Partial<Charge> = {}) => Array.from({ length: count }, () => charge(more));
const segv = { exitCodes: [{ from: 139, to: 139 }] };

describe('a program that failed', () => {
  it.each<[string, FailedNode, Given, string]>([
    ['is started again at once the first time', crashed(1), {}, 'all, restart, left 2, after 0 ms: 2 of 3 restarts left'],
    ['waits the second time', crashed(1), { charges: charges(1) }, 'all, restart, left 1, after 1000 ms: 1 of 3 restarts left'],
    ['waits twice as long the third time', crashed(1), { charges: charges(2) }, 'all, restart, left 0, after 2000 ms: 0 of 3 restarts left'],
    ['fails the run when all restarts are used', crashed(1), { charges: charges(3) }, 'fail, exhausted: all 3 restarts within 1h of running are used'],
    [
      'fails the run when the only restart is used',
      crashed(1),
      { attempts: 1, charges: charges(1) },
      'fail, exhausted: the only restart within 1h of running is used',
    ],
    ['fails the run when none is asked for', crashed(1), { attempts: 0 }, 'fail: no restart is asked for'],
    [
      'waits no longer than the longest pause',
      crashed(1),
      { attempts: 50, charges: charges(40) },
      'all, restart, left 9, after 300000 ms: 9 of 50 restarts left',
    ],
    ['waits a quarter less at most', crashed(1), { charges: charges(1), random: 0 }, 'all, restart, left 1, after 750 ms: 1 of 3 restarts left'],
    ['waits a quarter more at most', crashed(1), { charges: charges(1), random: 1 }, 'all, restart, left 1, after 1250 ms: 1 of 3 restarts left'],
    [
      'is forgiven after the window of running time',
      crashed(1),
      { charges: charges(3, { ranMs: 0 }) },
      'all, restart, left 2, after 0 ms: 2 of 3 restarts left',
    ],
    [
      'is not forgiven a millisecond before',
      crashed(1),
      { charges: charges(3, { ranMs: 1 }) },
      'fail, exhausted: all 3 restarts within 1h of running are used',
    ],
    [
      'is never forgiven without a window',
      crashed(1),
      { windowSeconds: null, ranMs: 1e12, charges: charges(3, { ranMs: 0 }) },
      'fail, exhausted: all 3 restarts are used',
    ],
    [
      'is charged whatever the host, when all are started again',
      crashed(1),
      { charges: charges(3, { host: 'h-2' }) },
      'fail, exhausted: all 3 restarts within 1h of running are used',
    ],
    ['is not charged for losses', crashed(1), { charges: charges(9, { kind: 'loss' }) }, 'all, restart, left 2, after 0 ms: 2 of 3 restarts left'],
    [
      'waits after restarts that were free, and is not charged for them',
      crashed(1),
      { charges: charges(4, { free: true }) },
      'all, restart, left 2, after 8000 ms: 2 of 3 restarts left',
    ],
    [
      'alone is not charged with what was charged to all by another clock',
      crashed(1),
      { scope: 'node', ranMs: 1, charges: charges(3, { ranMs: 100 * HOUR_MS }) },
      'node, restart, left 2, after 0 ms: 2 of 3 restarts of this node left',
    ],
    [
      'with all is not charged with what was charged to single nodes',
      crashed(1),
      { charges: ['h-2', 'h-3', 'h-4'].map((host) => charge({ scope: 'node', host })) },
      'all, restart, left 2, after 0 ms: 2 of 3 restarts left',
    ],
    ['is started alone with scope node', crashed(1), { scope: 'node' }, 'node, restart, left 2, after 0 ms: 2 of 3 restarts of this node left'],
    [
      'has a budget of its own with scope node',
      crashed(1),
      { scope: 'node', charges: charges(3, { scope: 'node', host: 'h-2' }) },
      'node, restart, left 2, after 0 ms: 2 of 3 restarts of this node left',
    ],
    [
      'uses up its own budget with scope node',
      crashed(1),
      { scope: 'node', charges: charges(3, { scope: 'node' }) },
      'fail, exhausted: all 3 restarts of this node within 1h of running are used',
    ],
    ['does not go by on_host_loss', crashed(1), { lost: 'fail' }, 'all, restart, left 2, after 0 ms: 2 of 3 restarts left'],
    ['goes by attempts when memory was out', failed('OutOfMemory'), {}, 'all, restart, left 2, after 0 ms: 2 of 3 restarts left'],
    ['goes by attempts when it hung', failed('Unhealthy'), { attempts: 0 }, 'fail: no restart is asked for'],
  ])('%s', (_, node, given, told) => {
    expect(tell(decide(node, given))).toBe(told);
  });
});

describe('a lost host', () => {
  it.each<[string, FailedNode, Given, string]>([
    ['is made up for', failed('HostLost'), {}, 'all, loss, left 9, after 0 ms: 9 of 10 losses left'],
    ['is made up for though programs have no restarts', failed('HostStateLost'), { attempts: 0 }, 'all, loss, left 9, after 0 ms: 9 of 10 losses left'],
    ['concerns all nodes with scope node too', failed('HostRestarted'), { scope: 'node' }, 'all, loss, left 9, after 0 ms: 9 of 10 losses left'],
    ['counts when it was fenced', failed('Fenced'), {}, 'all, loss, left 9, after 0 ms: 9 of 10 losses left'],
    ['fails the run where the task says so', failed('HostLost'), { lost: 'fail' }, 'fail: on_host_loss: fail'],
    [
      'fails the run when all losses are used, whatever the host',
      failed('HostLost'),
      { losses: 2, scope: 'node', charges: charges(2, { kind: 'loss', host: 'h-7' }) },
      'fail, exhausted: all 2 losses within 1h of running are used',
    ],
    ['fails the run where none is to be made up for', failed('HostLost'), { losses: 0 }, 'fail: no lost host is to be made up for'],
    ['is not charged for restarts', failed('HostLost'), { charges: charges(3) }, 'all, loss, left 9, after 0 ms: 9 of 10 losses left'],
    [
      'is made up for where a rule says so',
      failed('HostLost'),
      { lost: 'fail', scope: 'node', rules: [{ causes: ['HostLost'] }] },
      'all, loss, left 9, after 0 ms: rule 1 of restart, 9 of 10 losses left',
    ],
    ['fails the run where a rule says so', failed('HostLost'), { rules: [{ causes: ['HostLost'], do: 'fail' }] }, 'fail: rule 1 of restart'],
  ])('%s', (_, node, given, told) => {
    expect(tell(decide(node, given))).toBe(told);
  });
});

describe('a rule', () => {
  it.each<[string, FailedNode, Given, string]>([
    ['matches an exit code', crashed(139), { rules: [{ ...segv, do: 'fail' }] }, 'fail: rule 1 of restart'],
    ['matches the ends of a range', crashed(120), { rules: [{ exitCodes: [{ from: 100, to: 120 }], do: 'ignore' }] }, 'ignore: rule 1 of restart'],
    ['does not match another exit code', crashed(1), { rules: [{ ...segv, do: 'fail' }] }, 'all, restart, left 2, after 0 ms: 2 of 3 restarts left'],
    [
      'for exit codes does not match a node that did not exit',
      failed('Unhealthy'),
      { rules: [{ exitCodes: [{ from: 0, to: 255 }], do: 'fail' }] },
      'all, restart, left 2, after 0 ms: 2 of 3 restarts left',
    ],
    ['matches a group', crashed(1), { rules: [{ groups: ['head', 'workers'], do: 'ignore' }] }, 'ignore: rule 1 of restart'],
    [
      'does not match another group',
      crashed(1, { group: 'head' }),
      { rules: [{ groups: ['workers'], do: 'ignore' }] },
      'all, restart, left 2, after 0 ms: 2 of 3 restarts left',
    ],
    [
      'has to match in all that it gives',
      crashed(139, { group: 'head' }),
      { rules: [{ ...segv, causes: ['CommandFailed'], groups: ['workers'], do: 'fail' }] },
      'all, restart, left 2, after 0 ms: 2 of 3 restarts left',
    ],
    ['that gives nothing matches everything', failed('NotReady'), { rules: [{ do: 'fail' }] }, 'fail: rule 1 of restart'],
    ['decides before those behind it', crashed(139), { rules: [{ causes: ['OutOfMemory'] }, { ...segv, do: 'ignore' }, {}] }, 'ignore: rule 2 of restart'],
    [
      'that restarts is charged to the budget',
      crashed(1),
      { rules: [{}], charges: charges(1) },
      'all, restart, left 1, after 1000 ms: rule 1 of restart, 1 of 3 restarts left',
    ],
    [
      'that restarts fails the run when the budget is used up',
      crashed(1),
      { rules: [{}], charges: charges(3) },
      'fail, exhausted: rule 1 of restart, all 3 restarts within 1h of running are used',
    ],
    ['that restarts needs a budget', crashed(1), { rules: [{}], attempts: 0 }, 'fail: rule 1 of restart, no restart is asked for'],
    [
      'that restarts for free needs none, and waits',
      crashed(1),
      { rules: [{ charge: 'free' }], attempts: 0, charges: charges(2, { free: true }) },
      'all, free, left null, after 2000 ms: rule 1 of restart, free of charge',
    ],
    [
      'that makes up for a host for free concerns all nodes',
      failed('HostLost'),
      { scope: 'node', rules: [{ charge: 'free' }], losses: 0 },
      'all, free, left null, after 0 ms: rule 1 of restart, free of charge',
    ],
  ])('%s', (_, node, given, told) => {
    expect(tell(decide(node, given))).toBe(told);
  });
});

const MENDED = [...RESTART_CAUSES, 'Fenced'];
test.each(Object.keys(FAILURES).filter((type) => !MENDED.includes(type)) as FailureType[])(
  '%s is never mended by a restart, whatever the rules say',
  (type) => {
    expect(tell(decide(failed(type), { rules: [{ charge: 'free' }] }))).toBe(`fail: no restart mends ${type}`);
  },
);

const seconds = fc.integer({ min: 1, max: 100 });
const ruleOf = fc.record({
  exitCodes: fc.array(
    fc.tuple(fc.nat(255), fc.nat(255)).map(([from, to]) => ({ from, to })),
    { maxLength: 2 },
  ),
  causes: fc.subarray([...RESTART_CAUSES]),
  groups: fc.subarray(['head', 'workers']),
  do: fc.constantFrom('restart' as const, 'fail' as const, 'ignore' as const),
  charge: fc.constantFrom('budget' as const, 'free' as const),
});
const policyOf = fc.record({
  scope: fc.constantFrom('all' as const, 'node' as const),
  attempts: fc.nat(5),
  losses: fc.nat(5),
  windowSeconds: fc.option(seconds),
  backoff: fc.tuple(seconds, seconds).map(([a, b]) => ({ firstSeconds: Math.min(a, b), maxSeconds: Math.max(a, b) })),
  rules: fc.array(ruleOf, { maxLength: 3 }),
});
const nodeOf = fc
  .record({ type: fc.constantFrom(...(Object.keys(FAILURES) as FailureType[])), host: fc.nat(2), group: fc.constantFrom('head', 'workers'), code: fc.nat(255) })
  .map(({ type, host, group, code }) => failed(type, { host: `h-${host}`, group, code: type === 'CommandFailed' ? code : null }));
const failureOf = fc.record({ failed: nodeOf, laterMs: fc.nat(30_000), random: fc.double({ min: 0, max: 1, noNaN: true }) });
const storyOf = fc.record({
  policy: policyOf,
  onHostLoss: fc.constantFrom('fail' as const, 'replace' as const),
  failures: fc.array(failureOf, { minLength: 1, maxLength: 60 }),
});

type Story = typeof storyOf extends fc.Arbitrary<infer T> ? T : never;

/** All that is decided over a run that nobody gives up, whatever fails, with what was charged before. */
function play({ policy, onHostLoss, failures }: Story) {
  const kept: Charge[] = [];
  let ranMs = 0;
  return failures.map(({ failed: node, laterMs, random }) => {
    ranMs += laterMs;
    const decision = decideRestart({ policy, onHostLoss, failed: node, charges: [...kept], ranMs, random });
    if (decision.do === 'restart')
      kept.push({ kind: chargeKind(node.failure.type), scope: decision.scope, host: node.host, ranMs, free: decision.charge === null });
    return { decision, node, ranMs };
  });
}

describe('whatever fails, in whatever order', () => {
  test('no window of running time has more charged restarts than the budget', () => {
    void fc.assert(
      fc.property(storyOf, (story) => {
        const { policy } = story;
        const charged = play(story).filter(({ decision }) => decision.do === 'restart' && decision.charge !== null);
        for (const last of charged) {
          const kind = chargeKind(last.node.failure.type);
          const alike = charged.filter(({ node, ranMs }) => {
            const counts = kind === 'loss' || policy.scope === 'all' || node.host === last.node.host;
            const within = policy.windowSeconds === null || last.ranMs - ranMs < policy.windowSeconds * 1000;
            return chargeKind(node.failure.type) === kind && counts && ranMs <= last.ranMs && within;
          });
          expect(alike.length).toBeLessThanOrEqual(kind === 'loss' ? policy.losses : policy.attempts);
        }
      }),
    );
  });

  test('a pause is never longer than the longest and a quarter, and never negative', () => {
    void fc.assert(
      fc.property(storyOf, (story) => {
        for (const { decision } of play(story)) {
          if (decision.do !== 'restart') continue;
          expect(decision.delayMs).toBeGreaterThanOrEqual(0);
          expect(decision.delayMs).toBeLessThanOrEqual(story.policy.backoff.maxSeconds * 1250);
          expect(Number.isInteger(decision.delayMs)).toBe(true);
        }
      }),
    );
  });

  test('there is a decision with a reason, the same for the same facts', () => {
    void fc.assert(
      fc.property(storyOf, (story) => {
        const decided = play(story);
        expect(play(story)).toEqual(decided);
        for (const { decision, node } of decided) {
          expect(decision.why).not.toMatch(/^$|undefined|NaN/);
          if (decision.do === 'restart' && chargeKind(node.failure.type) === 'loss') expect(decision.scope).toBe('all');
          if (decision.do === 'restart' && decision.left !== null) expect(decision.left).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  test('nothing is started again by a task that does not ask for it', () => {
    void fc.assert(
      fc.property(nodeOf, (node) => {
        const facts = { policy: NO_RESTART, onHostLoss: 'fail' as const, failed: node, charges: [], ranMs: 0, random: 0 };
        expect(decideRestart(facts)).toMatchObject({ do: 'fail', exhausted: false });
      }),
    );
  });
});

it.each<[string, Partial<Restart>, Charge[], number]>([
  ['all where nothing was charged', {}, [], 3],
  ['none where none is asked for', { attempts: 0 }, charges(1), 0],
  ['what was not charged', {}, charges(2), 1],
  ['nothing, and not less', {}, charges(5), 0],
  ['what was forgotten after the window, too', {}, [...charges(2, { ranMs: 0 }), charge()], 2],
  ['what was free, and what was charged to losses', {}, [...charges(2, { free: true }), ...charges(2, { kind: 'loss' })], 3],
  ['what the node that has the least has, with scope node', { scope: 'node' }, [...charges(2, { scope: 'node' }), charge({ scope: 'node', host: 'h-2' })], 1],
  ['what was charged for one node of a gang', { scope: 'node' }, charges(2), 3],
])('the status tells that is left: %s', (_, policy, given, left) => {
  expect(restartsLeft({ ...RESTART_DEFAULTS, ...policy }, given, () => HOUR_MS)).toBe(left);
});

describe('what is left of the budgets', () => {
  const left = (policy: Partial<Restart>, charges: Charge[], onHostLoss: 'fail' | 'replace' = 'fail', ranMs = 1_000) =>
    describeLeft({ policy: { ...NO_RESTART, ...policy }, onHostLoss, charges, ranMs: () => ranMs });

  it('is nothing to speak of where there are none', () => {
    expect(left({}, [])).toEqual([]);
  });

  it('is counted without what was free, and what the window has forgotten', () => {
    const charges = [charge({ ranMs: 0 }), charge({ ranMs: 900 }), charge({ ranMs: 950, free: true })];
    expect(left({ attempts: 3 }, charges)).toEqual(['1 of 3 restarts left']);
    expect(left({ attempts: 3, windowSeconds: 1 }, charges)).toEqual(['2 of 3 restarts left']);
  });

  it('is told of each node that has used some', () => {
    expect(left({ attempts: 2, scope: 'node' }, [])).toEqual(['2 restarts for each node']);
    expect(left({ attempts: 2, scope: 'node' }, [charge({ scope: 'node', ranMs: 0 })])).toEqual(['2 restarts for each node, of which are left: 1 on h-1']);
  });

  it('is told of lost hosts where they are made up for', () => {
    expect(left({ losses: 5 }, [charge({ kind: 'loss', ranMs: 0 })], 'replace')).toEqual(['4 of 5 losses left']);
  });
});
