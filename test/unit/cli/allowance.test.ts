import { expect, it } from 'vitest';
import { Allowance } from '../../../client/allowance.js';
import { HostReader, type HostReaderPorts } from '../../../client/host-reader.js';
import type { RunStatus } from '../../../spec/nodes.js';

it('lets a burst pass, then its rate, and fills up to its brim and no further', () => {
  let nowMs = 0;
  const allowance = new Allowance(1_000, 5_000, () => nowMs);
  expect([allowance.take(5_000), allowance.take(500)]).toEqual([0, 500]);
  nowMs = 500;
  expect(allowance.take(0)).toBe(0);
  nowMs = 1_000_000;
  expect([allowance.take(5_000), allowance.take(1)]).toEqual([0, 1]);
});

const EVERYTHING = { filter: { ranks: null, generation: null, sinceMs: null }, tail: null, maxBytes: 256 * 1024 };

/** Where a reader's pieces go. */
function sink(take: (data: Buffer) => void): HostReaderPorts['source'] {
  return {
    give: async (pieces) => {
      for (const { data } of pieces) take(data);
    },
    next: () => undefined,
    close: () => undefined,
  };
}

/** A host that wrote so many lines of 64 bytes, all at once. */
function lines(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, i) => `${String(i).padStart(63, '0')}\n`).join(''));
}

async function readAll(text: Buffer, allowance: Allowance | null, cut?: { from: number; to: number }) {
  const given: Buffer[] = [];
  let skipped = 0;
  const ports: HostReaderPorts = {
    ...EVERYTHING,
    allowance,
    turns: null,
    signal: new AbortController().signal,
    complain: (message) => expect.fail(message),
    skipped: (_, bytes) => {
      skipped += bytes;
    },
    source: sink((data) => given.push(data)),
    read: async (_, { offset, maxBytes }) => {
      const from = cut && offset >= cut.from && offset < cut.to ? cut.to : offset;
      const data = text.subarray(from, Math.min(from + maxBytes, cut && from < cut.from ? cut.from : text.length));
      const nextOffset = from + data.length;
      return { startNumber: 1, data: data.toString('base64'), nextOffset, size: text.length, skippedBytes: from - offset, end: nextOffset === text.length };
    },
  };
  const reader = new HostReader('h', ports);
  const node = { rank: 0, group: '0', host: 'h', address: '', interface: '', id: '', gpus: 0, state: 'succeeded' as const, exitCode: 0, startNumber: 1 };
  reader.tell({ runId: 'r', nodes: [node], formerNodes: [], endedAtMs: 1 } as unknown as RunStatus, true);
  await reader.run();
  return { text: Buffer.concat(given).toString(), skipped };
}

it('a follower that may not keep up goes on near the end, in whole lines, and says how much it left out', async () => {
  const all = lines(200_000); // 12 MiB
  const { text, skipped } = await readAll(all, new Allowance(2 ** 24, 2 ** 20));
  const shown = text.trimEnd().split('\n');
  expect(skipped).toBeGreaterThan(2 ** 20);
  expect(shown.at(-1)).toBe(String(199_999).padStart(63, '0'));
  expect(shown.filter((each) => each.length !== 63)).toEqual([]);
  // A newline of ours ends the line that was begun before each jump.
  expect(text.length + skipped - all.length).toBeGreaterThanOrEqual(0);
  expect(text.length + skipped - all.length).toBeLessThan(64);
});

it('who reads at his own pace gets everything', async () => {
  const all = lines(200_000);
  expect(await readAll(all, null)).toEqual({ text: all.toString(), skipped: 0 });
});

it('what a host no longer has is told, and the line before it is ended', async () => {
  const all = lines(10_000);
  const { text, skipped } = await readAll(all, null, { from: 100, to: 6_400 });
  expect(skipped).toBe(6_300);
  expect(text).toBe(`${all.subarray(0, 100)}\n${all.subarray(6_400)}`);
});

it('all that was passed over is told, also when the end of a start comes in an answer of its own', async () => {
  const pieces = [
    { data: 'a\n', nextOffset: 102, skippedBytes: 100, end: false },
    { data: 'b\n', nextOffset: 304, skippedBytes: 200, end: false },
    { data: '', nextOffset: 304, skippedBytes: 0, end: true },
  ];
  let told = 0;
  const reader = new HostReader('h', {
    ...EVERYTHING,
    allowance: null,
    turns: null,
    signal: new AbortController().signal,
    complain: (message) => expect.fail(message),
    skipped: (_, bytes) => {
      told += bytes;
    },
    source: sink(() => undefined),
    read: async () => {
      const { data, ...rest } = pieces.shift() ?? expect.fail('read beyond the end');
      return { startNumber: 1, size: 304, data: Buffer.from(data).toString('base64'), ...rest };
    },
  });
  const node = { rank: 0, host: 'h', startNumber: 1 };
  reader.tell({ runId: 'r', nodes: [node], formerNodes: [], endedAtMs: 1 } as unknown as RunStatus, true);
  await reader.run();
  expect(told).toBe(300);
});

it('a follower whose turn has not come reads on as soon as the run is over', async () => {
  const offsets: number[] = [];
  const status = { runId: 'r', nodes: [{ rank: 0, host: 'h', startNumber: 1 }], formerNodes: [], endedAtMs: 1 } as unknown as RunStatus;
  const reader = new HostReader('h', {
    ...EVERYTHING,
    allowance: null,
    turns: {
      take: (reads) => {
        // The reader is about to wait for what is longer than any test.
        setImmediate(() => reader.tell(status, true));
        return reads * 2 ** 30;
      },
    },
    signal: new AbortController().signal,
    complain: (message) => expect.fail(message),
    skipped: () => expect.fail('waiting for a turn passes nothing over'),
    source: sink(() => undefined),
    read: async (_, { offset }) => {
      offsets.push(offset);
      const rest = offset === 0 ? { data: Buffer.from('a').toString('base64'), end: false } : { data: '', end: true };
      return { startNumber: 1, nextOffset: 1, size: 100 * 2 ** 20, skippedBytes: 0, ...rest };
    },
  });
  reader.tell(status, false);
  await reader.run();
  expect(offsets).toEqual([0, 1]);
});
