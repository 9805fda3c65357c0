import { expect, it } from 'vitest';
import { parseMoment } from '../../../cli/moment.js';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const read = parseMoment('--since', () => NOW);

it.each([
  ['10m', '2026-11-28T11:50:00.000Z'],
  ['1h30m', '2026-11-28T10:30:00.000Z'],
  ['90', '2026-11-28T11:58:30.000Z'],
  ['2026-11-28T10:00:00Z', '2026-11-28T10:00:00.000Z'],
  ['2026-11-28T10:00:00.5Z', '2026-11-28T10:00:00.500Z'],
  ['2026-11-28 10:00+02:00', '2026-11-28T08:00:00.000Z'],
])('reads %s', (text, moment) => {
  expect(read(text).toISOString()).toBe(moment);
});

it('reads a time without a zone as the clock on the wall', () => {
  expect(read('2026-11-28T10:00').getTime()).toBe(new Date(2026, 10, 28, 10).getTime());
  expect(read('2026-11-28').getTime()).toBe(new Date(2026, 10, 28).getTime());
});

it.each(['noon', '', '10x', '2026-13-28', '2026-11-28T25:00:00Z', '-5m'])('refuses %s with both ways', (text) => {
  expect(() => read(text)).toThrow(`--since takes how long ago, such as 10m, or a time, such as 2026-11-28T10:00:00Z, not ${JSON.stringify(text)}`);
});
