import { expect, it } from 'vitest';
import { decideWake, type WakeFacts } from '../../../workflows/decisions/wake.js';

const NEVER = Number.POSITIVE_INFINITY;
const facts: WakeFacts = { queue: [], quietUntilMs: null, settlesAtMs: null, sweepAtMs: 0 };
const waits = { extra: false, unmet: 'wait' as const, deadlineMs: 900 };
const refused = { ...waits, unmet: 'refuse' as const };
const extra = { ...refused, extra: true, deadlineMs: Number.MAX_SAFE_INTEGER };

it.each<[string, Partial<WakeFacts>, number]>([
  ['never, while nobody waits', { settlesAtMs: 100 }, NEVER],
  ['never, while all that wait want extra hosts', { queue: [extra, extra], settlesAtMs: 100 }, NEVER],
  ['at the end of the quiet time before all else', { queue: [waits], quietUntilMs: 700 }, 700],
  ['at the next sweep, while somebody waits', { queue: [extra, waits], sweepAtMs: 300 }, 300],
  ['at the first deadline before the next sweep', { queue: [waits, { ...waits, deadlineMs: 200 }], sweepAtMs: 300 }, 200],
  ['when its hosts are known, where somebody may be refused then', { queue: [refused], settlesAtMs: 100, sweepAtMs: 300 }, 100],
  ['no sooner for its hosts to be known, where nobody is refused then', { queue: [waits, extra], settlesAtMs: 100, sweepAtMs: 300 }, 300],
])('a fleet wakes %s', (_, change, expected) => {
  expect(decideWake({ ...facts, ...change })).toBe(expected);
});
