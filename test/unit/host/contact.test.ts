import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Contact } from '../../../activities/host/contact.js';
import { ContactMark } from '../../../activities/host/contact-mark.js';

let dir: string;

beforeEach(() => {
  vi.useFakeTimers();
  dir = mkdtempSync(join(tmpdir(), 'muster-contact-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
  vi.useRealTimers();
});

it('says once that nothing was heard for the limit, whatever else is under way', () => {
  let silences = 0;
  const contact = new Contact(5_000, () => silences++);
  contact.heard();
  vi.advanceTimersByTime(4_000);
  contact.heard();
  vi.advanceTimersByTime(4_999);
  expect(silences).toBe(0);
  vi.advanceTimersByTime(20_000);
  expect(silences).toBe(1);
});

it('says nothing before the first word, after a stop, and without a limit', () => {
  let silences = 0;
  new Contact(5_000, () => silences++);
  const stopped = new Contact(5_000, () => silences++);
  const endless = new Contact(null, () => silences++);
  for (const contact of [stopped, endless]) contact.heard();
  stopped.stop();
  stopped.heard();
  vi.advanceTimersByTime(3_600_000);
  expect(silences).toBe(0);
});

/** One agent's contact after another, on a machine whose clock since its boot is the fake one. */
function oneLife(overdue: number[]): Contact {
  return new Contact(
    5_000,
    (ms) => overdue.push(ms),
    markBy(() => Date.now()),
  );
}

function markBy(nowMs: () => number): ContactMark {
  return new ContactMark(join(dir, 'heard'), nowMs);
}

it('a life that ends does not begin the limit anew for the next', () => {
  const overdue: number[] = [];
  const first = oneLife(overdue);
  first.heard();
  vi.advanceTimersByTime(3_000);
  first.stop();
  const second = oneLife(overdue);
  second.resume();
  vi.advanceTimersByTime(1_999);
  expect(overdue).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(overdue).toEqual([0]);
});

it('lives that are shorter than the limit share it, also where no former one left a mark', () => {
  const overdue: number[] = [];
  for (let lives = 0; lives < 5; lives++) {
    const life = oneLife(overdue);
    life.resume();
    vi.advanceTimersByTime(999);
    life.stop();
  }
  expect(overdue).toEqual([]);
  vi.advanceTimersByTime(999);
  oneLife(overdue).resume();
  vi.advanceTimersByTime(0);
  expect(overdue).toEqual([994]);
});

it.each([
  ['of a former boot', `${'9'.repeat(15)}`.padStart(16)],
  ['half written', '12'],
  ['damaged', 'x'.repeat(16)],
])('a mark that is %s tells nothing, and the limit begins with this life', (_, text) => {
  writeFileSync(join(dir, 'heard'), text);
  const overdue: number[] = [];
  oneLife(overdue).resume();
  vi.advanceTimersByTime(4_999);
  expect(overdue).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(overdue).toEqual([0]);
});

it('a mark that cannot be written is passed over', () => {
  const mark = new ContactMark(join(dir, 'not-there', 'heard'));
  mark.write();
  expect(mark.agoMs()).toBeUndefined();
});
