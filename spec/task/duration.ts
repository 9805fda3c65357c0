import { z } from 'zod';
import { found } from './problem.js';
import { expected, type Read, reading } from './words.js';

const UNIT_SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 } as const;
const LONGEST_SECONDS = 3_650 * UNIT_SECONDS.d;
const WHAT = 'a duration such as `30`, `30s`, `5m`, `2h`, `1d` or `1w`';

const written = z.union([z.number(), z.string(), z.boolean()], { error: expected(WHAT) });

/** A duration as dstack writes it, in seconds. */
export function durationOf(atLeastSeconds: number, atMostSeconds: number = LONGEST_SECONDS) {
  return reading(written, (value) => {
    if (isOff(value)) return { refused: `expected ${WHAT}, got ${found(value)}; this wait always has a limit` };
    return readSeconds(value, atLeastSeconds, atMostSeconds);
  });
}

/** The same, or `off` (YAML 1.1 and JSON: false) for no limit, which is null. */
export function durationOrOff(atLeastSeconds: number) {
  return reading(written, (value): Read<number | null> => {
    return isOff(value) ? { value: null } : readSeconds(value, atLeastSeconds, LONGEST_SECONDS);
  });
}

/** `1h`, `90s`, `2d`: in the largest unit that keeps it a whole number, as a task file has it. */
export function describeSeconds(seconds: number): string {
  const [unit = 's', size = 1] = Object.entries(UNIT_SECONDS).findLast(([, unitSeconds]) => seconds > 0 && seconds % unitSeconds === 0) ?? [];
  return `${seconds / size}${unit}`;
}

function isOff(value: unknown): boolean {
  return value === 'off' || value === false;
}

function readSeconds(value: string | number | boolean, atLeastSeconds: number, atMostSeconds: number): Read<number> {
  const seconds = typeof value === 'number' ? value : secondsOf(String(value));
  if (seconds === undefined || !Number.isInteger(seconds)) return { refused: `expected ${WHAT}, got ${found(value)}` };
  if (seconds < atLeastSeconds) return { refused: `expected at least ${atLeastSeconds}s, got ${found(value)}` };
  if (seconds > atMostSeconds) return { refused: `expected at most ${describeSeconds(atMostSeconds)}, got ${found(value)}` };
  return { value: seconds };
}

function secondsOf(text: string): number | undefined {
  const match = /^(\d+) *([smhdw]?)$/.exec(text);
  if (match === null) return undefined;
  const unit = (match[2] || 's') as keyof typeof UNIT_SECONDS;
  return Number(match[1]) * UNIT_SECONDS[unit];
}
