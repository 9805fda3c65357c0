import { z } from 'zod';
import { durationOf, durationOrOff } from './duration.js';
import { found } from './problem.js';
import { RESTART_DEFAULTS, type Restart } from './restart.js';
import { rulesSchema } from './restart-rules.js';
import { expected, type Read, reading, strict } from './words.js';

// Every charge within the window is kept in the run's state.
const MOST = 1_000;
const COUNT_WHAT = `a whole number from 0 to ${MOST}`;
const BACKOFF_WHAT = 'a duration, or a range of durations such as `1s..5m`';
const WHAT = 'a number of restarts such as `3`, or a map with `scope`, `attempts`, `losses`, `window`, `backoff` and `rules`';

const count = reading(z.number({ error: expected(COUNT_WHAT) }), (value): Read<number> => {
  const isCount = Number.isInteger(value) && value >= 0 && value <= MOST;
  return isCount ? { value } : { refused: `expected ${COUNT_WHAT}, got ${found(value)}` };
});

const bound = durationOf(1);
const backoff = reading(z.union([z.number(), z.string()], { error: expected(BACKOFF_WHAT) }), (value): Read<Restart['backoff']> => {
  const parts = typeof value === 'number' ? [value] : value.split('..').map((part) => part.trim());
  const first = bound.safeParse(parts[0]).data;
  const max = bound.safeParse(parts.at(-1)).data;
  if (parts.length > 2 || first === undefined || max === undefined) {
    return { refused: `expected ${BACKOFF_WHAT}, each at least 1s, got ${found(value)}` };
  }
  if (first > max) return { refused: `expected a range from the shorter to the longer, got ${found(value)}` };
  return { value: { firstSeconds: first, maxSeconds: max } };
});

// Null is `off` here, and must not be taken for a window that is not given.
const window = reading(durationOrOff(1), (seconds): Read<{ seconds: number | null }> => ({ value: { seconds } }));

const restartMap = strict(
  {
    scope: z.enum(['all', 'node'], { error: expected('`all` or `node`') }).nullish(),
    attempts: count.nullish(),
    losses: count.nullish(),
    window: window.nullish(),
    backoff: backoff.nullish(),
    rules: rulesSchema.nullish(),
  },
  WHAT,
);

/** `restart`: a number of restarts, or a map. */
export const restartSchema = reading(z.union([count, restartMap], { error: expected(WHAT) }), (value): Read<Restart> => {
  if (typeof value === 'number') return { value: { ...RESTART_DEFAULTS, attempts: value } };
  const given = {
    scope: value.scope ?? RESTART_DEFAULTS.scope,
    attempts: value.attempts ?? RESTART_DEFAULTS.attempts,
    losses: value.losses ?? RESTART_DEFAULTS.losses,
    windowSeconds: value.window == null ? RESTART_DEFAULTS.windowSeconds : value.window.seconds,
    backoff: value.backoff ?? RESTART_DEFAULTS.backoff,
    rules: value.rules ?? RESTART_DEFAULTS.rules,
  };
  return { value: given };
});
