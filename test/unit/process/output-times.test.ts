import { appendFileSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findTail } from '../../../activities/process/output-tail.js';
import { OutputTimes, offsetSince, readTimes, thinned } from '../../../activities/process/output-times.js';
import { startFile } from '../../../activities/process/start-dir.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muster-times-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** The program writes at this time. */
function write(text: string, atMs: number): void {
  appendFileSync(startFile(dir, 'output'), text);
  utimesSync(startFile(dir, 'output'), atMs / 1000, atMs / 1000);
}

const mark = (atMs: number, size: number) => ({ atMs, size });
/** What is noted of a write: the clock of files may be a tick behind. */
const noted = (atMs: number, size: number) => mark(atMs + 10, size);

it('notes when the output has grown, and nothing where it has not', () => {
  const times = new OutputTimes(dir);
  times.note();
  expect(readTimes(dir)).toEqual([]);
  write('one\n', 1_000);
  times.note();
  times.note();
  write('two\n', 2_000);
  times.note();
  expect(readTimes(dir)).toEqual([noted(1_000, 4), noted(2_000, 8)]);
  // What nobody has noted yet is as old as the file.
  write('three\n', 3_000);
  expect(readTimes(dir)).toEqual([noted(1_000, 4), noted(2_000, 8), noted(3_000, 14)]);
});

it('goes on with what another agent has noted, and with what was written when there was none', () => {
  write('one\n', 1_000);
  new OutputTimes(dir).note();
  write('two\n', 2_000);
  const next = new OutputTimes(dir);
  next.note();
  next.note();
  expect(readTimes(dir)).toEqual([noted(1_000, 4), noted(2_000, 8)]);
});

it('passes over what a full disk has cut short', () => {
  write('one\ntwo\nthree\n', 3_000);
  writeFileSync(startFile(dir, 'outputTimes'), '1000 4\n20\n2000 8\nx\n2500 3\n');
  expect(readTimes(dir)).toEqual([mark(1_000, 4), mark(2_000, 8), noted(3_000, 14)]);
});

it('stays small however long a program writes, and never makes a line seem older than it is', () => {
  const times = new OutputTimes(dir);
  for (let i = 1; i <= 5_000; i++) {
    write('x', i * 100);
    times.note();
  }
  const marks = readTimes(dir);
  expect(marks.length).toBeLessThanOrEqual(4_096);
  expect(statSync(startFile(dir, 'outputTimes')).size).toBeLessThan(100_000);
  expect(marks.at(-1)).toEqual(noted(500_000, 5_000));
  for (const [i, { atMs, size }] of marks.entries()) {
    expect(atMs).toBe(size * 100 + 10);
    expect(size).toBeGreaterThan(marks[i - 1]?.size ?? 0);
  }
});

it('thins what is old evenly over its time', () => {
  const marks = Array.from({ length: 1_000 }, (_, i) => mark(i * 10, i + 1));
  const left = thinned(marks, 100);
  expect(left.slice(-100)).toEqual(marks.slice(-100));
  expect(left.length).toBeGreaterThan(190);
  expect(left.length).toBeLessThanOrEqual(200);
  const pauses = left.slice(0, 100).map(({ atMs }, i) => atMs - (left[i - 1]?.atMs ?? 0));
  expect(Math.max(...pauses)).toBeLessThanOrEqual(110);
});

it('begins where a line may have been written since', () => {
  const marks = [mark(1_000, 4), mark(2_000, 8), mark(3_000, 14)];
  expect([0, 1_000, 1_001, 2_500, 3_000, 3_001].map((sinceMs) => offsetSince(marks, sinceMs))).toEqual([0, 0, 4, 8, 8, 14]);
  expect(offsetSince([], 1_000)).toBe(0);
});

it('finds the last lines, also one that is not ended, and not those before the part that is looked at', async () => {
  write('one\ntwo\nthree\nfo', 1_000);
  const tail = async (lines: number, from = 0, to = 16) => Object.values(await findTail(dir, lines, from, to));
  expect(await tail(1)).toEqual([14, 1]);
  expect(await tail(2)).toEqual([8, 2]);
  expect(await tail(2, 0, 14)).toEqual([4, 2]);
  expect(await tail(10)).toEqual([0, 4]);
  expect(await tail(10, 4, 14)).toEqual([4, 2]);
  expect(await tail(0)).toEqual([16, 0]);
  expect(await tail(5, 16, 16)).toEqual([16, 0]);
});

it('finds the last lines of much output, and over what is gone of it', async () => {
  const text = Array.from({ length: 100_000 }, (_, i) => `${i}\n`).join('');
  write(text, 1_000);
  const { offset } = await findTail(dir, 50_000, 0, text.length);
  expect(text.slice(offset, offset + 6)).toBe('50000\n');
  writeFileSync(startFile(dir, 'outputCut'), JSON.stringify({ from: 100, to: text.length - 12 }));
  expect(await findTail(dir, 3, 0, text.length)).toEqual({ offset: text.slice(0, 100).lastIndexOf('\n') + 1, lines: 3 });
});
