import { expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../../cli/duration.js';

it.each([
  ['30', 30_000],
  ['30s', 30_000],
  ['500ms', 500],
  ['1.5s', 1_500],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['2d', 172_800_000],
  ['0s', 0],
])('reads %s', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

it.each(['', 's', '-5s', '3y', '5 m', '1h x', '5mm', '٣s'])('refuses %j', (text) => {
  expect(() => parseDuration(text)).toThrow('is not a duration such as 30s, 5m or 1h30m');
});

it.each([
  [0, '0 ms'],
  [850, '850 ms'],
  [12_340, '12.3 s'],
  [60_000, '1 min'],
  [245_000, '4 min 5 s'],
  [7_380_000, '2 h 3 min'],
  [435_600_000, '5 d 1 h'],
])('writes %d ms as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
