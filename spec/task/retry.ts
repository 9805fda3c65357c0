import { z } from 'zod';
import { durationOf } from './duration.js';
import { expected, strict } from './words.js';

const EVENTS = ['no-capacity', 'interruption', 'error'] as const;
const EVENT_WHAT = '`no-capacity`, `interruption` or `error`';
const WHAT = '`true`, `false`, or a map with `on_events` and `duration`';

/** dstack's `retry`: read and checked; nothing is started again by it yet. */
export const retrySchema = z.union(
  [
    z.boolean(),
    strict(
      {
        on_events: z.array(z.enum(EVENTS, { error: expected(EVENT_WHAT) }), { error: expected(`a list of ${EVENT_WHAT}`) }).nullish(),
        duration: durationOf(1).nullish(),
      },
      WHAT,
    ),
  ],
  { error: expected(WHAT) },
);
