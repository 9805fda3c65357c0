import { appendFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lastLines, readOutput, waitForOutput } from '../../../activities/process/output.js';
import { startFile } from '../../../activities/process/start-dir.js';
import { newStart } from './starts.js';

function withOutput(output: string | Buffer): string {
  const { dir } = newStart();
  writeFileSync(startFile(dir, 'output'), output);
  return dir;
}

test('output is read in pieces from any offset', () => {
  const dir = withOutput('0123456789');
  expect(readOutput(dir, 0, 4)).toEqual({ data: Buffer.from('0123'), nextOffset: 4, size: 10, skippedBytes: 0 });
  expect(readOutput(dir, 8, 4)).toEqual({ data: Buffer.from('89'), nextOffset: 10, size: 10, skippedBytes: 0 });
  expect(readOutput(dir, 10, 4)).toEqual({ data: Buffer.alloc(0), nextOffset: 10, size: 10, skippedBytes: 0 });
  expect(readOutput(dir, 99, 4)).toEqual({ data: Buffer.alloc(0), nextOffset: 99, size: 10, skippedBytes: 0 });
});

test('output that does not exist yet is empty', async () => {
  const { dir } = newStart();
  expect(readOutput(dir, 0, 4)).toEqual({ data: Buffer.alloc(0), nextOffset: 0, size: 0, skippedBytes: 0 });
  expect(lastLines(dir)).toBe('');
  expect(await waitForOutput(dir, 0, 20)).toBe(false);
});

test.each([
  ['all of a short output', 'one\ntwo\n', 100, 'one\ntwo\n'],
  ['whole lines only where one fits', 'one\ntwo\nthree\n', 11, 'two\nthree\n'],
  ['a line that begins just at the window', 'one\ntwo\n', 4, 'two\n'],
  ['an unfinished last line', 'one\ntwo', 5, 'two'],
  ['the end of a line that is too long', 'x'.repeat(50), 10, 'x'.repeat(10)],
  ['the end of a too long line that is ended', `${'x'.repeat(50)}\n`, 10, `${'x'.repeat(9)}\n`],
  ['no half character at the beginning', 'ééééé', 5, 'éé'],
  ['no half character of four bytes at the beginning', '😀😀😀', 7, '😀'],
  ['no half character at the end', Buffer.from('né').subarray(0, 2), 10, 'n'],
  ['never more bytes than wanted when bytes are no text', Buffer.alloc(20, 0xff), 10, '\ufffd\ufffd\ufffd'],
])('the last lines hold %s', (_, output, maxBytes, expected) => {
  expect(lastLines(withOutput(output), maxBytes)).toBe(expected);
});

test('a wait ends when the output grows', async () => {
  const dir = withOutput('abc');
  const since = performance.now();
  const waiting = waitForOutput(dir, 3, 5000);
  appendFileSync(startFile(dir, 'output'), 'd');
  expect(await waiting).toBe(true);
  expect(performance.now() - since).toBeLessThan(2500);
});

test('a wait for what is there already ends at once', async () => {
  expect(await waitForOutput(withOutput('abc'), 2, 60_000)).toBe(true);
});

test('a wait ends at its limit, and when it is aborted before or meanwhile', async () => {
  const dir = withOutput('abc');
  expect(await waitForOutput(dir, 3, 20)).toBe(false);
  expect(await waitForOutput(dir, 3, 60_000, AbortSignal.abort())).toBe(false);
  const abort = new AbortController();
  const waiting = waitForOutput(dir, 3, 60_000, abort.signal);
  abort.abort();
  expect(await waiting).toBe(false);
});

test('growth is seen by polling when the kernel has no watches left', async () => {
  const dir = withOutput('abc');
  const waiting = waitForOutput(dir, 3, 5000, undefined, () => {
    throw Object.assign(new Error('none left'), { code: 'ENOSPC' });
  });
  appendFileSync(startFile(dir, 'output'), 'd');
  expect(await waiting).toBe(true);
});
