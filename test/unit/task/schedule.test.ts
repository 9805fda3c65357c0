import { expect, test } from 'vitest';
import { describeProblem, parseTask } from '../../../spec/task/parse.js';
import { readZonedTime } from '../../../spec/task/zoned-time.js';

function parse(schedule: unknown) {
  return parseTask({ commands: ['true'], schedule }, { defaultName: 'task' });
}

const PLAIN = {
  ...{ cron: [], everySeconds: null, offsetSeconds: 0, timeZone: 'UTC', overlap: 'skip', catchUpSeconds: 86_400 },
  ...{ jitterSeconds: 0, onFailure: 'continue', startAtMs: null, endAtMs: null },
};

test.each([
  [{ cron: '0 2 * * *' }, { cron: ['0 2 * * *'] }],
  [
    { cron: ' */5  1-3 * JAN Mon-Fri ', time_zone: 'Europe/Berlin' },
    { cron: ['*/5 1-3 * JAN Mon-Fri'], timeZone: 'Europe/Berlin' },
  ],
  [
    { cron: ['0 2 * * *', '0 4 * * *'], every: '6h' },
    { cron: ['0 2 * * *', '0 4 * * *'], everySeconds: 21_600 },
  ],
  [{ every: 10 }, { everySeconds: 10 }],
  [
    { every: '1d', offset: '2h', overlap: 'buffer_all', catch_up: '10s', jitter: '5m', pause_on_failure: true },
    { everySeconds: 86_400, offsetSeconds: 7_200, overlap: 'buffer_all', catchUpSeconds: 10, jitterSeconds: 300, onFailure: 'pause' },
  ],
  [
    { every: 10, time_zone: 'Europe/Berlin', start: '2026-12-01', end: '2026-12-31T23:59:59+00:00' },
    { everySeconds: 10, timeZone: 'Europe/Berlin', startAtMs: Date.UTC(2026, 10, 30, 23), endAtMs: Date.UTC(2026, 11, 31, 23, 59, 59) },
  ],
])('%j is read', (schedule, read) => {
  const parsed = parse(schedule);
  expect(parsed.ok && parsed.task.schedule).toEqual({ ...PLAIN, ...read });
});

const CRON = 'expected a cron expression of five fields such as `0 2 * * *`, got';
test.each([
  ['0 2 * * *', ['schedule: expected a map with `cron` or `every`, got "0 2 * * *"']],
  [{ time_zone: 'UTC' }, ['schedule: expected a map with `cron` or `every`, got neither']],
  [{ cron: '0 2 * *' }, [`schedule.cron: ${CRON} "0 2 * *"`]],
  [{ cron: '0 0 2 * * *' }, [`schedule.cron: ${CRON} "0 0 2 * * *"`]],
  [{ cron: '0 24 * * *' }, [`schedule.cron: ${CRON} "0 24 * * *"`]],
  [{ cron: '0 2 L * *' }, [`schedule.cron: ${CRON} "0 2 L * *"`]],
  [{ cron: '0 0 30 2 *' }, [`schedule.cron: ${CRON} "0 0 30 2 *"`]],
  [{ cron: ['0 2 * * *', 5] }, [`schedule.cron[1]: ${CRON} 5`]],
  [{ every: '0s' }, ['schedule.every: expected at least 1s, got "0s"']],
  [{ every: '1h', time_zone: 'Mars/Base' }, ['schedule.time_zone: expected a time zone such as `Europe/Berlin`, got "Mars/Base"']],
  [{ cron: '0 2 * * *', offset: '5m' }, ['schedule: `offset` goes with `every`; cron expressions say themselves when']],
  [{ every: '1h', offset: '90m' }, ['schedule: expected an `offset` of less than `every`, 1h, got 90m']],
  [
    { every: '1h', overlap: 'replace' },
    ['schedule.overlap: expected `skip`, `buffer_one`, `buffer_all`, `cancel_other`, `terminate_other` or `allow_all`, got "replace"'],
  ],
  [{ every: '1h', catch_up: '5s' }, ['schedule.catch_up: expected at least 10s, got "5s"']],
  [{ every: '1h', pause_on_failure: 'yes' }, ['schedule.pause_on_failure: expected `true` or `false`, got "yes"']],
  [
    { every: '1h', overlap: 'allow_all', pause_on_failure: true },
    ['schedule: `pause_on_failure` does not go with `overlap: allow_all`: Temporal does not watch runs that may overlap'],
  ],
  [{ every: '1h', start: 'tomorrow' }, ['schedule.start: expected a time such as `2026-12-01`, `2026-12-01 06:00` or `2026-12-01T06:00:00Z`, got "tomorrow"']],
  [{ every: '1h', start: '2027-01-01', end: '2026-01-01' }, ['schedule: expected an `end` that is later than `start`']],
  [{ every: '1h', crom: 'x' }, ['schedule: `crom` is not a known key; did you mean `cron`?']],
])('%j is refused with a sentence', (schedule, complaints) => {
  const parsed = parse(schedule);
  expect(parsed.ok ? [] : parsed.problems.map(describeProblem)).toEqual(complaints);
});

test.each([
  ['2026-11-27', 'UTC', '2026-11-27T00:00:00Z'],
  ['2026-11-27 01:00', 'Europe/Berlin', '2026-11-27T00:00:00Z'],
  ['2026-07-01T00:00:30', 'America/New_York', '2026-07-01T04:00:30Z'],
  ['2026-11-27T01:00:00.000Z', 'Europe/Berlin', '2026-11-27T01:00:00Z'],
  ['2026-11-27 01:00+0530', 'Europe/Berlin', '2026-11-26T19:30:00Z'],
  // Left out, and twice, as the clocks change.
  ['2027-03-28 02:30', 'Europe/Berlin', '2027-03-28T01:30:00Z'],
  ['2027-10-31 02:30', 'Europe/Berlin', '2027-10-31T00:30:00Z'],
])('%s in %s is %s', (text, zone, utc) => {
  expect(readZonedTime(text, zone)).toBe(Date.parse(utc));
});

test.each(['', 'now', '2026-02-30', '2026-11-27 24:00', '2026-11-27 25:00', '27.11.2026', '2026-11-27T01', '2026-11-27 01:00+99:00'])(
  '%j is no time',
  (text) => {
    expect(readZonedTime(text, 'Europe/Berlin')).toBeUndefined();
  },
);
