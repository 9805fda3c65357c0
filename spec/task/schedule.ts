import { Cron } from 'croner';
import { z } from 'zod';
import { durationOf } from './duration.js';
import { found } from './problem.js';
import { expected, type Read, reading, strict } from './words.js';

/** When a schedule starts the task. At least one of `cron` and `everySeconds` is given. */
export interface TaskSchedule {
  /** Five fields each; with several, whenever one of them says so. */
  cron: string[];
  everySeconds: number | null;
  /** By which `cron` is read: a name of the IANA database. */
  timeZone: string;
}

const CRON_WHAT = 'a cron expression of five fields such as `0 2 * * *`';
const ZONE_WHAT = 'a time zone such as `Europe/Berlin`';
const WHAT = 'a map with `cron` or `every`';

const expression = reading(z.string({ error: expected(CRON_WHAT) }), (text): Read<string> => {
  const cron = text.trim().replace(/\s+/g, ' ');
  return isCron(cron) ? { value: cron } : { refused: `expected ${CRON_WHAT}, got ${found(text)}` };
});

const zone = reading(z.string({ error: expected(ZONE_WHAT) }), (text): Read<string> => {
  return isTimeZone(text) ? { value: text } : { refused: `expected ${ZONE_WHAT}, got ${found(text)}` };
});

/** `schedule`: dstack's `cron`, and an interval. */
export const scheduleSchema = reading(
  strict(
    {
      cron: z.union([expression, z.array(expression).min(1).max(100)], { error: expected(CRON_WHAT) }).nullish(),
      every: durationOf(1).nullish(),
      time_zone: zone.nullish(),
    },
    WHAT,
  ),
  ({ cron, every, time_zone }): Read<TaskSchedule> => {
    if (cron == null && every == null) return { refused: `expected ${WHAT}, got neither` };
    return { value: { cron: cron == null ? [] : [cron].flat(), everySeconds: every ?? null, timeZone: time_zone ?? 'UTC' } };
  },
);

/** What both Temporal and cron read in the same way: no seconds, no names of extensions such as `L`. */
function isCron(text: string): boolean {
  if (text.split(' ').length !== 5 || !/^[\d*,/ A-Za-z-]+$/.test(text) || /\b(?:L|W)\b|#|\?/i.test(text)) return false;
  try {
    return new Cron(text, { paused: true, mode: '5-part' }).nextRun() !== null;
  } catch {
    return false;
  }
}

function isTimeZone(text: string): boolean {
  try {
    return /^[A-Za-z]/.test(text) && new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
