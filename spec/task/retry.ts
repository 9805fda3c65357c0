import { z } from 'zod';
import { describeSeconds, durationOf } from './duration.js';
import { RESTART_DEFAULTS, type Restart } from './restart.js';
import { expected, type Read, reading, strict } from './words.js';

/** dstack's `retry`: for which events, and for how long. */
export interface Retry {
  events: RetryEvent[];
  durationSeconds: number;
}

const EVENTS = ['no-capacity', 'interruption', 'error'] as const;
type RetryEvent = (typeof EVENTS)[number];

/** dstack counts no attempts; a program that fails at once would be started again for the whole duration. */
const ATTEMPTS = 10;
const DEFAULT_SECONDS = 3_600;
const EVENT_WHAT = '`no-capacity`, `interruption` or `error`';
const WHAT = '`true`, `false`, or a map with `on_events` and `duration`';

const events = z
  .array(z.enum(EVENTS, { error: expected(EVENT_WHAT) }), { error: expected(`a list of ${EVENT_WHAT}`) })
  .min(1, { error: `expected at least one of ${EVENT_WHAT}, got an empty list` });

const retryMap = strict({ on_events: events.nullish(), duration: durationOf(1).nullish() }, WHAT);

/** `retry`; null is `false`, which asks for nothing. */
export const retrySchema = reading(z.union([z.boolean(), retryMap], { error: expected(WHAT) }), (value): Read<Retry | null> => {
  if (value === false) return { value: null };
  const { on_events, duration } = value === true ? {} : value;
  return { value: { events: on_events ?? [...EVENTS], durationSeconds: duration ?? DEFAULT_SECONDS } };
});

/** The restarts that `retry` asks for: all nodes at once, within its duration of running. */
export function restartOfRetry({ events: asked, durationSeconds }: Retry): Restart {
  return { ...RESTART_DEFAULTS, attempts: asked.includes('error') ? ATTEMPTS : 0, windowSeconds: durationSeconds };
}

const LOSSES = { fail: 'a lost host fails the run', replace: 'lost hosts replaced', shrink: 'lost hosts done without' };

/** What became of `retry`, for who wrote it: `became` is the task's own, which other keys may have changed. */
export function describeRetry(became: { restart: Restart; onHostLoss: keyof typeof LOSSES; queueTimeoutSeconds: number }): string {
  const { restart, onHostLoss, queueTimeoutSeconds } = became;
  const within = restart.windowSeconds === null ? '' : ` within ${describeSeconds(restart.windowSeconds)} of running`;
  const parts = [
    restart.attempts > 0 ? `at most ${restart.attempts} restarts of all nodes${within}` : 'no restart when a program fails',
    onHostLoss === 'fail' ? LOSSES.fail : `at most ${restart.losses} ${LOSSES[onHostLoss]}${within}`,
    `a wait of ${describeSeconds(queueTimeoutSeconds)} for free hosts`,
  ];
  return `here it means: ${parts.join(', ')}; dstack counts no attempts, and \`restart\` says it in your own numbers`;
}
