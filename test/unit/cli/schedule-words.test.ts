import { expect, it, test } from 'vitest';
import { scheduleLines, whenOf } from '../../../cli/schedule-words.js';
import { zonedText } from '../../../cli/zoned-text.js';
import type { Firing, ScheduleDetails, TaskSchedule } from '../../../client/index.js';

const NOW = Date.UTC(2026, 10, 29, 12);
const HOUR = 3_600_000;

const WHEN: TaskSchedule = {
  ...{ cron: ['0 2 * * *'], everySeconds: null, offsetSeconds: 0, timeZone: 'Europe/Berlin', overlap: 'skip', catchUpSeconds: 3_600 },
  ...{ jitterSeconds: 0, onFailure: 'continue', startAtMs: null, endAtMs: null },
};

const firing = (day: number, rest: Partial<Firing>): Firing => {
  const scheduledAtMs = Date.UTC(2026, 10, day, 1);
  return {
    run: `run-nightly-at-2026-11-${day}T01:00:00Z`,
    scheduledAtMs,
    startedAtMs: scheduledAtMs,
    endedAtMs: null,
    phase: 'succeeded',
    message: '',
    ...rest,
  };
};

const NIGHTLY: ScheduleDetails = {
  ...{ id: 'nightly', name: 'nightly', fleet: 'default', nodes: 3, elastic: null, schedule: WHEN, timeZone: 'Europe/Berlin' },
  ...{ overlap: 'skip', catchUpSeconds: 3_600, onFailure: 'continue', paused: false, note: '', runs: [], running: [] },
  nextAtMs: Date.UTC(2026, 10, 30, 1),
  nextTimesMs: [30, 31, 32, 33].map((day) => Date.UTC(2026, 10, day, 1)),
  firings: { started: 12, skipped: 0, missed: 0, dropped: 0, waiting: 0 },
  lastFirings: [],
};

const lines = (changed: Partial<ScheduleDetails>, here = 'Europe/Berlin') => scheduleLines({ ...NIGHTLY, ...changed }, NOW, here);

it('tells how the last runs went, when they were late, and when the next ones are, in both time zones', () => {
  const lastFirings = [
    firing(27, { endedAtMs: Date.UTC(2026, 10, 27, 1, 12) }),
    firing(28, { startedAtMs: Date.UTC(2026, 10, 28, 4), endedAtMs: Date.UTC(2026, 10, 28, 4, 0, 3), phase: 'failed', message: 'Node 1 exited with code 3' }),
    firing(29, { startedAtMs: NOW - 5_000, phase: 'running', message: 'Running' }),
  ];
  expect(lines({ lastFirings }, 'America/New_York')).toEqual([
    'nightly: 0 2 * * * Europe/Berlin; 3 nodes of the fleet default',
    'overlap skip, catch_up 1h; 12 runs started so far',
    '',
    'FOR (Europe/Berlin)        OUTCOME    TOOK          RUN',
    '2026-11-27 02:00:00+01:00  succeeded  12 min        run-nightly-at-2026-11-27T01:00:00Z',
    '2026-11-28 02:00:00+01:00  failed     3.0 s         run-nightly-at-2026-11-28T01:00:00Z  started 3 h later; Node 1 exited with code 3',
    '2026-11-29 02:00:00+01:00  running    5.0 s so far  run-nightly-at-2026-11-29T01:00:00Z  started 10 h 59 min later',
    '',
    'NEXT (Europe/Berlin)       HERE (America/New_York)',
    '2026-11-30 02:00:00+01:00  2026-11-29 20:00:00-05:00  in 13 h',
    '2026-12-01 02:00:00+01:00  2026-11-30 20:00:00-05:00  in 1 d 13 h',
    '2026-12-02 02:00:00+01:00  2026-12-01 20:00:00-05:00  in 2 d 13 h',
  ]);
});

it('tells a range as `muster check` does', () => {
  expect(lines({ nodes: 1, elastic: { min: 1, max: 2 } })[0]).toBe('nightly: 0 2 * * * Europe/Berlin; 1 to 2 nodes of the fleet default');
});

it('has a line for everything that did not become a run', () => {
  expect(lines({ firings: { started: 1, skipped: 3, missed: 2, dropped: 1, waiting: 1 } }).slice(1, 6)).toEqual([
    'overlap skip, catch_up 1h; 1 run started so far',
    'missed 2 firings: Temporal was away for longer than catch_up (1h); `muster schedule backfill nightly --from TIME` makes up for what was missed',
    'skipped 3 firings: the run before went on (overlap: skip)',
    'dropped 1 firing: too many waited for the run before',
    '1 firing waits for the run before',
  ]);
});

it('tells who has paused it, and what is left out meanwhile', () => {
  const paused = lines({ paused: true, note: 'disk swap (anna on ops-1, 2026-11-28T14:00:00Z)', nextTimesMs: [NOW + HOUR] });
  expect(paused[2]).toBe('PAUSED: disk swap (anna on ops-1, 2026-11-28T14:00:00Z)');
  expect(paused.slice(-3)).toEqual(['', 'NEXT (Europe/Berlin)       LEFT OUT UNLESS RESUMED', '2026-11-29 14:00:00+01:00  in 1 h']);
});

it('tells that it has not begun, and that it is over', () => {
  expect(lines({ paused: true, nextTimesMs: [] }).at(-1)).toBe('It does not fire while it is paused');
  expect(lines({ nextTimesMs: [], nextAtMs: null }).slice(3)).toEqual(['It has not started a run yet', '', 'It does not fire any more']);
});

test.each([
  [WHEN, '0 2 * * * Europe/Berlin'],
  [
    { ...WHEN, cron: ['0 2 * * *', '0 4 * * *'], everySeconds: 21_600, offsetSeconds: 300 },
    '0 2 * * * Europe/Berlin, 0 4 * * * Europe/Berlin, every 6h and 5m',
  ],
  [null, '-'],
])('%j is shown as %s', (schedule, text) => {
  expect(whenOf({ schedule })).toBe(text);
});

test.each([
  ['UTC', '2026-11-29 12:00:00Z'],
  ['Europe/Berlin', '2026-11-29 13:00:00+01:00'],
  ['Asia/Kolkata', '2026-11-29 17:30:00+05:30'],
])('a time in %s is %s', (zone, text) => {
  expect(zonedText(NOW, zone)).toBe(text);
});
