import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lastLines, readOutput } from '../../../activities/process/output.js';
import { boundOutput, decideCut, HEAD_BYTES, readCut } from '../../../activities/process/output-cap.js';

const CAP = 8 * 2 ** 20;
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muster-output-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const output = () => join(dir, 'output');
const line = (number: number) => `line ${String(number).padStart(10, '0')} ${'x'.repeat(47)}\n`; // 64 bytes
const diskBytes = () => statSync(output()).blocks * 512;

describe('what goes', () => {
  it.each([
    [0, undefined],
    [CAP / 2, undefined],
    [CAP / 2 + HEAD_BYTES, undefined],
    [20 * 2 ** 20, { from: HEAD_BYTES, to: 16 * 2 ** 20 }],
    [20 * 2 ** 20 + 4_095, { from: HEAD_BYTES, to: 16 * 2 ** 20 }],
  ])('of %i bytes', (size, cut) => {
    expect(decideCut(size, CAP)).toEqual(cut);
  });
});

describe('an output over its cap', () => {
  const LINES = 400_000; // 24 MiB
  beforeEach(async () => {
    writeFileSync(output(), Array.from({ length: LINES }, (_, i) => line(i)).join(''));
    expect(await boundOutput(dir, CAP)).toBe(true);
  });

  it('takes no more disk than that, and keeps its length, its head and its newest half', () => {
    expect(diskBytes()).toBeLessThanOrEqual(CAP);
    expect(statSync(output()).size).toBe(LINES * 64);
    const bytes = readFileSync(output());
    const cut = readCut(dir) ?? expect.fail('nothing was cut');
    expect([cut.from, LINES * 64 - cut.to]).toEqual([HEAD_BYTES, expect.toSatisfy((kept: number) => kept >= CAP / 2 && kept < CAP / 2 + 4_096)]);
    expect(bytes.subarray(0, cut.from).toString()).toBe(Array.from({ length: HEAD_BYTES / 64 }, (_, i) => line(i)).join(''));
    expect(bytes.subarray(cut.from, cut.to).every((byte) => byte === 0)).toBe(true);
    expect(bytes.subarray(-64).toString()).toBe(line(LINES - 1));
  });

  it('is read over the hole: the head, then whole lines, and how much is gone', () => {
    let offset = 0;
    let skipped = 0;
    const numbers: number[] = [];
    for (;;) {
      const piece = readOutput(dir, offset, 256 * 1024);
      if (piece.data.length === 0) break;
      expect(piece.data.includes(0)).toBe(false);
      skipped += piece.skippedBytes;
      offset = piece.nextOffset;
      for (const each of piece.data.toString().trimEnd().split('\n')) numbers.push(Number(each.slice(5, 15)));
    }
    const first = numbers.findIndex((number, i) => number !== i);
    expect([first, numbers.at(-1), numbers.length + skipped / 64]).toEqual([HEAD_BYTES / 64, LINES - 1, LINES]);
    expect(numbers.slice(first).every((number, i, rest) => i === 0 || number === (rest[i - 1] ?? 0) + 1)).toBe(true);
  });

  it('has its last lines as before', () => {
    expect(lastLines(dir, 130)).toBe(line(LINES - 2) + line(LINES - 1));
  });
});

it('a program that goes on writing is not disturbed, and no line of the newest is lost', async () => {
  const writer = spawn('sh', ['-c', `i=0; while [ $i -lt 60 ]; do head -c 1048512 /dev/zero | tr '\\0' x; echo " $i"; i=$((i+1)); done >> ${output()}`], {
    stdio: 'ignore',
  });
  let largest = 0;
  const ended = new Promise((resolve) => writer.once('exit', resolve));
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over) {
    largest = Math.max(largest, statSync(output(), { throwIfNoEntry: false })?.blocks ?? 0);
    expect(await boundOutput(dir, CAP)).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await ended).toBe(0);
  await boundOutput(dir, CAP);
  expect(diskBytes()).toBeLessThanOrEqual(CAP);
  expect([readCut(dir)?.from, lastLines(dir, 8)]).toEqual([HEAD_BYTES, expect.stringMatching(/x* 59\n$/)]);
  expect(statSync(output()).size).toBeGreaterThan(60 * 1_048_512);
});

describe('where a part of a file cannot be freed', () => {
  const path = process.env['PATH'];
  afterEach(() => {
    process.env['PATH'] = path;
  });

  it('everything stays readable, and nothing is said to be gone', async () => {
    writeFileSync(output(), Buffer.alloc(12 * 2 ** 20, 'x'));
    writeFileSync(join(dir, 'fallocate'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    process.env['PATH'] = dir;
    expect(await boundOutput(dir, CAP)).toBe(false);
    expect(readCut(dir)).toBeUndefined();
    expect(readOutput(dir, HEAD_BYTES, 10)).toMatchObject({ nextOffset: HEAD_BYTES + 10, skippedBytes: 0 });
  });
});

it('what is gone is never said to be there again, also when the file system sets more aside than was written', async () => {
  writeFileSync(output(), Buffer.alloc(40 * 2 ** 20, 'x'));
  const gone = { from: HEAD_BYTES, to: 36 * 2 ** 20 };
  writeFileSync(join(dir, 'output-cut.json'), JSON.stringify(gone));
  // Nothing of it is freed yet, as when an agent dies between the two: its successor has a larger cap.
  expect(await boundOutput(dir, 2 * CAP)).toBe(true);
  expect(readCut(dir)).toEqual(gone);
  expect(diskBytes()).toBeLessThanOrEqual(CAP);
});
