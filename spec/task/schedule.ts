import { Cron } from 'croner';
import { z } from 'zod';
import { describeSeconds, durationOf } from './duration.js';
import { found } from './problem.js';
import { expected, type Read, reading, strict } from './words.js';
import { readZonedTime, TIME_WHAT } from './zoned-time.js';

/** What becomes of a firing while the run before goes on, in Temporal's words. */
export const OVERLAPS = ['skip', 'buffer_one', 'buffer_all', 'cancel_other', 'terminate_other', 'allow_all'] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** When a schedule starts the task. At least one of `cron` and `everySeconds` is given. */
export interface TaskSchedule {
  /** Five fields each; with several, whenever one of them says so. */
  cron: string[];
  everySeconds: number | null;
  /** How long after the times that `everySeconds` alone would give; less than it. */
  offsetSeconds: number;
  /** By which `cron`, and a start and an end without an offset, are read: a name of the IANA database. */
  timeZone: string;
  overlap: Overlap;
  /** How late a firing may still start its run, at least 10. */
  catchUpSeconds: number;
  /** Every firing is late by a random time up to this. */
  jitterSeconds: number;
  /** onFailure: `pause`: no more firings after a run that failed, until somebody resumes the schedule. */
  onFailure: 'continue' | 'pause';
  /** Epoch milliseconds, both included; null: no such limit. */
  startAtMs: number | null;
  endAtMs: number | null;
}

/** Temporal takes a shorter one for this. */
export const MIN_CATCH_UP_SECONDS = 10;
/** A night that was missed is made up for in the morning, and a week of them is not. */
const CATCH_UP_SECONDS = 86_400;

const CRON_WHAT = 'a cron expression of five fields such as `0 2 * * *`';
const ZONE_WHAT = 'a time zone such as `Europe/Berlin`';
const OVERLAP_WHAT = `${OVERLAPS.slice(0, -1)
  .map((each) => `\`${each}\``)
  .join(', ')} or \`${OVERLAPS.at(-1)}\``;
const WHAT = 'a map with `cron` or `every`';

const expression = reading(z.string({ error: expected(CRON_WHAT) }), (text): Read<string> => {
  const cron = text.trim().replace(/\s+/g, ' ');
  return isCron(cron) ? { value: cron } : { refused: `expected ${CRON_WHAT}, got ${found(text)}` };
});

const zone = reading(z.string({ error: expected(ZONE_WHAT) }), (text): Read<string> => {
  return isTimeZone(text) ? { value: text } : { refused: `expected ${ZONE_WHAT}, got ${found(text)}` };
});

const time = reading(z.string({ error: expected(TIME_WHAT) }), (text): Read<string> => {
  return readZonedTime(text, 'UTC') === undefined ? { refused: `expected ${TIME_WHAT}, got ${found(text)}` } : { value: text };
});

const keys = strict(
  {
    cron: z.union([expression, z.array(expression).min(1).max(100)], { error: expected(CRON_WHAT) }).nullish(),
    every: durationOf(1).nullish(),
    offset: durationOf(0).nullish(),
    time_zone: zone.nullish(),
    start: time.nullish(),
    end: time.nullish(),
    overlap: z.enum(OVERLAPS, { error: expected(OVERLAP_WHAT) }).nullish(),
    catch_up: durationOf(MIN_CATCH_UP_SECONDS).nullish(),
    jitter: durationOf(0).nullish(),
    pause_on_failure: z.boolean({ error: expected('`true` or `false`') }).nullish(),
  },
  WHAT,
);

/** `schedule`: dstack's `cron`, and what Temporal has beside it. */
export const scheduleSchema = reading(keys, (given): Read<TaskSchedule> => {
  const { cron, every, time_zone, start, end } = given;
  if (cron == null && every == null) return { refused: `expected ${WHAT}, got neither` };
  const timeZone = time_zone ?? 'UTC';
  const schedule: TaskSchedule = {
    cron: cron == null ? [] : [cron].flat(),
    everySeconds: every ?? null,
    offsetSeconds: given.offset ?? 0,
    timeZone,
    overlap: given.overlap ?? 'skip',
    catchUpSeconds: given.catch_up ?? CATCH_UP_SECONDS,
    jitterSeconds: given.jitter ?? 0,
    onFailure: given.pause_on_failure ? 'pause' : 'continue',
    startAtMs: start == null ? null : (readZonedTime(start, timeZone) ?? null),
    endAtMs: end == null ? null : (readZonedTime(end, timeZone) ?? null),
  };
  const refused = contradictionIn(schedule);
  return refused === undefined ? { value: schedule } : { refused };
});

function contradictionIn({ everySeconds, offsetSeconds, overlap, onFailure, startAtMs, endAtMs }: TaskSchedule): string | undefined {
  if (offsetSeconds > 0 && everySeconds === null) return '`offset` goes with `every`; cron expressions say themselves when';
  if (everySeconds !== null && offsetSeconds >= everySeconds && offsetSeconds > 0) {
    return `expected an \`offset\` of less than \`every\`, ${describeSeconds(everySeconds)}, got ${describeSeconds(offsetSeconds)}`;
  }
  if (onFailure === 'pause' && overlap === 'allow_all') {
    return '`pause_on_failure` does not go with `overlap: allow_all`: Temporal does not watch runs that may overlap';
  }
  if (startAtMs !== null && endAtMs !== null && startAtMs > endAtMs) return 'expected an `end` that is later than `start`';
  return undefined;
}

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
