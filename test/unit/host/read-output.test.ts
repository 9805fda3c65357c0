import { getEventListeners } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { spansWith } from '../../../activities/host/output-spans.js';
import { readChunk } from '../../../activities/host/read-output.js';
import { type OutputSpan, type StartRecord, startDir, writeStart } from '../../../activities/host/store.js';
import { startFile } from '../../../activities/process/start-dir.js';
import type { OutputFilter, ReadOutputInput } from '../../../spec/activities.js';
import type { NodeEnd } from '../../../spec/nodes.js';
import { until } from '../../helpers/until.js';
import { OneHost } from './one-host.js';

const END = { kind: 'exited', code: 0, outOfMemory: false, stopped: false, startNumber: 1, endedAtMs: 1, lastLines: '', clean: true } as NodeEnd;

/** A start that has ended, as it stands on the disk of a host: what it wrote under which rank in which generation. */
function wrote(host: OneHost, startNumber: number, parts: { rank: number; generation: number; atMs: number; text: string }[], end: NodeEnd | null = END): void {
  const dir = startDir(host.dataDir, host.run.runId, startNumber);
  mkdirSync(dir, { recursive: true });
  let output = '';
  let times = '';
  const spans: OutputSpan[] = [];
  for (const { rank, generation, atMs, text } of parts) {
    const last = spans.at(-1);
    if (last?.rank !== rank || last.generation !== generation) spans.push({ from: output.length, rank, generation });
    output += text;
    times += `${atMs} ${output.length}\n`;
  }
  writeFileSync(startFile(dir, 'output'), output);
  writeFileSync(startFile(dir, 'outputTimes'), times);
  const { rank = 0, generation = 0 } = spans.at(-1) ?? {};
  const program = { startup: {}, stopSignal: 'SIGTERM', stopDurationSeconds: 1 };
  const rest = { stage: 'reported', gathering: 'g', reason: 'first', oldList: null, fence: [], ending: null };
  writeStart(host.dataDir, { ...rest, run: host.run, host: 'host-1', startNumber, program, spans, rank, generation, end } as unknown as StartRecord);
}

const filter = (some: Partial<OutputFilter>): OutputFilter => ({ ranks: null, generation: null, sinceMs: null, ...some });

/** Reads on and on, as a client does, until the end of the start; and what came, by rank and generation. */
async function readAll(host: OneHost, { tail: lines, startNumber: first = null, ...input }: Partial<ReadOutputInput>): Promise<string[]> {
  const seen: string[] = [];
  let [offset, tail, startNumber] = [0, lines, first];
  for (let reads = 0; reads < 20; reads++) {
    const rest = { runId: host.run.runId, maxBytes: 1_000, waitMs: 0, ...input, startNumber, offset };
    const chunk = await readChunk(host.agent, host.seats, tail === undefined ? rest : { ...rest, tail });
    const text = Buffer.from(chunk.data, 'base64').toString();
    if (text !== '') seen.push(`${chunk.startNumber}/${chunk.generation}/${chunk.rank} ${text.trimEnd().replaceAll('\n', ' ')}`);
    expect((chunk.times ?? []).reduce((sum, [bytes]) => sum + bytes, 0)).toBe(text.length);
    if (chunk.end) return seen;
    if (tail !== undefined) startNumber = chunk.startNumber;
    tail = undefined;
    offset = chunk.nextOffset;
  }
  throw new Error(`no end after ${seen.join('; ')}`);
}

/** Two starts: the second went through three generations, under two ranks. */
function moved(): OneHost {
  const host = new OneHost({});
  wrote(host, 1, [{ rank: 3, generation: 1, atMs: 1_000, text: 'a\nb\n' }]);
  wrote(host, 2, [
    { rank: 3, generation: 2, atMs: 2_000, text: 'c\n' },
    { rank: 3, generation: 2, atMs: 3_000, text: 'd\n' },
    { rank: 1, generation: 3, atMs: 4_000, text: 'e\n' },
    { rank: 3, generation: 4, atMs: 5_000, text: 'f\n' },
  ]);
  return host;
}

it('tells of which node and generation output is, and when it was written', async () => {
  const host = moved();
  expect(await readAll(host, { startNumber: 2 })).toEqual(['2/2/3 c d', '2/3/1 e', '2/4/3 f']);
  const { times } = await readChunk(host.agent, host.seats, { runId: host.run.runId, startNumber: 2, offset: 1, maxBytes: 9, waitMs: 0 });
  expect(times).toEqual([
    [1, 2_000],
    [2, 3_000],
  ]);
});

it('gives only what was written under a rank, in a generation, since a time', async () => {
  const host = moved();
  const read = (some: Partial<OutputFilter>) => readAll(host, { startNumber: 2, filter: filter(some) });
  expect(await read({ ranks: [3] })).toEqual(['2/2/3 c d', '2/4/3 f']);
  expect(await read({ ranks: [1] })).toEqual(['2/3/1 e']);
  expect(await read({ ranks: [0] })).toEqual([]);
  expect(await read({ generation: 2 })).toEqual(['2/2/3 c d']);
  expect(await read({ generation: 1 })).toEqual([]);
  expect(await read({ sinceMs: 2_500 })).toEqual(['2/2/3 d', '2/3/1 e', '2/4/3 f']);
  expect(await read({ sinceMs: 4_500, ranks: [1] })).toEqual([]);
  expect(await read({ sinceMs: 6_000 })).toEqual([]);
});

it('begins with the last lines, of an older start where the newest has too few', async () => {
  const host = moved();
  expect(await readAll(host, { tail: 1 })).toEqual(['2/4/3 f']);
  expect(await readAll(host, { tail: 5, startNumber: null })).toEqual(['1/1/3 b']);
  expect(await readAll(host, { tail: 0 })).toEqual([]);
  expect(await readAll(host, { tail: 2, filter: filter({ generation: 2 }) })).toEqual(['2/2/3 c d']);
  expect(await readAll(host, { tail: 1, filter: filter({ generation: 1 }) })).toEqual(['1/1/3 b']);
  // What stands between does not count.
  expect(await readAll(host, { tail: 2, filter: filter({ ranks: [3] }) })).toEqual(['2/2/3 d', '2/4/3 f']);
  expect(await readAll(host, { tail: 2, startNumber: null, filter: filter({ ranks: [1] }) })).toEqual(['2/3/1 e']);
});

it('ends for a generation that is over, also while the program goes on in a later one', async () => {
  const host = new OneHost({});
  wrote(
    host,
    1,
    [
      { rank: 0, generation: 1, atMs: 1_000, text: 'a\n' },
      { rank: 0, generation: 2, atMs: 2_000, text: 'b\n' },
    ],
    null,
  );
  expect(await readAll(host, { startNumber: 1, filter: filter({ generation: 1 }) })).toEqual(['1/1/0 a']);
});

it('goes on with the next start that is kept, and ends one whose record is damaged once there is another', async () => {
  const host = moved();
  wrote(host, 7, [{ rank: 3, generation: 4, atMs: 1_000, text: 'z\n' }]);
  expect(await readAll(host, { startNumber: 3 })).toEqual(['7/4/3 z']);
  writeFileSync(join(startDir(host.dataDir, host.run.runId, 2), 'start.json'), 'x');
  expect(await readAll(host, { startNumber: 2 })).toEqual(['2/undefined/undefined c d e f']);
});

it('waits for what is wanted, and not for what is passed over', async () => {
  const host = new OneHost({ commands: ['until [ -e $WHERE/end ]; do echo more; sleep 0.02; done'] });
  await host.running();
  const begun = performance.now();
  const input = { runId: host.run.runId, startNumber: 1, offset: 0, maxBytes: 1_000, waitMs: 700 };
  const other = await readChunk(host.agent, host.seats, { ...input, filter: filter({ ranks: [5] }) });
  expect(other).toMatchObject({ data: '', end: false });
  expect(performance.now() - begun).toBeGreaterThan(650);
  await until(
    () => readChunk(host.agent, host.seats, { ...input, filter: filter({ ranks: [0] }) }).then(({ data }) => Buffer.from(data, 'base64').toString()),
    (text) => text.startsWith('more\n'),
  );
});

it('keeps the newest spans', () => {
  let spans: OutputSpan[] = [];
  for (let i = 0; i < 150; i++) spans = spansWith(spans, { from: i, rank: 0, generation: i });
  expect([spans.length, spans[0]?.generation, spans.at(-1)?.generation]).toEqual([100, 50, 149]);
});

it('who waits for output leaves nothing behind on a start that goes on, and is woken by its end', async () => {
  const host = new OneHost({ commands: ['exec sleep 1000'] });
  const start = await host.running();
  const input = { runId: host.run.runId, startNumber: 1, offset: 0, maxBytes: 1_000 };
  const then = vi.spyOn(start.ended, 'then');
  const listeners = getEventListeners(start.over, 'abort').length;
  for (let i = 0; i < 10; i++) expect(await readChunk(host.agent, host.seats, { ...input, waitMs: 5 })).toMatchObject({ data: '', end: false });
  expect([then.mock.calls.length, getEventListeners(start.over, 'abort').length]).toEqual([0, listeners]);
  const waiting = readChunk(host.agent, host.seats, { ...input, waitMs: 5_000 });
  await until(() => getEventListeners(start.over, 'abort').length, listeners + 1);
  void start.stop({ type: 'Stopped', message: 'the run stopped its nodes' }, 'SIGKILL', 0);
  expect(await waiting).toMatchObject({ data: '', end: true });
});

it('who waits for output when the agent lets go of a start is answered at once', async () => {
  const host = new OneHost({ commands: ['exec sleep 1000'] });
  await host.running();
  const waiting = readChunk(host.agent, host.seats, { runId: host.run.runId, startNumber: 1, offset: 0, maxBytes: 1_000, waitMs: 5_000 });
  const begun = performance.now();
  await host.seats.detach();
  expect(await waiting).toMatchObject({ data: '', end: false });
  expect(performance.now() - begun).toBeLessThan(4_500);
});
