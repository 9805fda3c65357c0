import { z } from 'zod';
import { durationOf } from './duration.js';
import { type Probe, probeFields, readProbe } from './probe.js';
import { found } from './problem.js';
import { expected, type Read, reading, strict } from './words.js';

/** A check that finds a program which hangs: the node is `Unhealthy` when it failed `failures` times in a row. */
export interface Health extends Probe {
  /** intervalSeconds: from the end of one check to the next. */
  intervalSeconds: number;
  /** timeoutSeconds: a check that takes longer has failed. */
  timeoutSeconds: number;
  failures: number;
  /** startPeriodSeconds: from the node's start; a check that fails within it does not count. */
  startPeriodSeconds: number;
}

const DEFAULTS = { intervalSeconds: 10, timeoutSeconds: 10, failures: 3, startPeriodSeconds: 0 };
const MOST_FAILURES = 1_000;
const WHAT = 'a map with `port` or `command`';
const FAILURES_WHAT = `a whole number from 1 to ${MOST_FAILURES}`;

const failures = reading(z.number({ error: expected(FAILURES_WHAT) }), (value): Read<number> => {
  const isCount = Number.isInteger(value) && value >= 1 && value <= MOST_FAILURES;
  return isCount ? { value } : { refused: `expected ${FAILURES_WHAT}, got ${found(value)}` };
});

/** `health`: a port or a command, and how often and how long it is tried. */
export const healthSchema = reading(
  strict(
    {
      ...probeFields,
      interval: durationOf(1).nullish(),
      timeout: durationOf(1).nullish(),
      failures: failures.nullish(),
      start_period: durationOf(0).nullish(),
    },
    WHAT,
  ),
  (given): Read<Health> => {
    const probe = readProbe(given, WHAT);
    if ('refused' in probe) return probe;
    const rest = {
      intervalSeconds: given.interval ?? DEFAULTS.intervalSeconds,
      timeoutSeconds: given.timeout ?? DEFAULTS.timeoutSeconds,
      failures: given.failures ?? DEFAULTS.failures,
      startPeriodSeconds: given.start_period ?? DEFAULTS.startPeriodSeconds,
    };
    return { value: { ...probe.value, ...rest } };
  },
);
