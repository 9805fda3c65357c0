import { expect, it } from 'vitest';
import { follow, type RunEvent, type RunSource } from '../../../client/follow.js';
import { withSubmitterEnv } from '../../../client/submitted.js';
import type { NodeStatus, RunStatus } from '../../../spec/nodes.js';

const node = (rank: number, startNumber = 1): NodeStatus => ({
  ...{ rank, group: '0', host: `h${rank}`, address: `10.0.0.${rank}`, interface: 'eth0', addressReason: '', id: 'i', gpus: 0 },
  ...{ state: 'running', exitCode: null, startNumber, sinceMs: 0, lastLine: '' },
});

const status = (change: Partial<RunStatus>): RunStatus => ({
  ...{ run: 'r', runId: 'id', name: 'r', fleet: 'default', phase: 'running', reason: '', message: '' },
  ...{ generation: 1, restarts: 0, restartsLeft: null, losses: 0, failures: [], nodesWanted: 1, resizes: [], formerNodes: [], nodes: [node(0)], warnings: [] },
  ...{ submittedAtMs: 0, releasedAtMs: 0, endedAtMs: null, lastLines: '', ...change },
});

const ended = (change: Partial<RunStatus> = {}) => status({ phase: 'succeeded', endedAtMs: 1, ...change });

/** A run whose hosts hold these texts by start number; `failing` hosts do not answer. */
function fakeRun(statuses: RunStatus[], final: Promise<RunStatus>, output: Record<string, string[]>, failing: string[] = []): RunSource {
  const next = () => (statuses.length > 1 ? statuses.shift() : statuses[0]) as RunStatus;
  return {
    status: async () => next(),
    look: async () => next(),
    wait: () => final,
    async read(_status, host, { startNumber, offset }, signal) {
      if (failing.includes(host)) throw new Error('no answer');
      const text = output[host]?.[(startNumber ?? 1) - 1] ?? '';
      const data = text.slice(offset, offset + 3);
      const settled = await Promise.race([final.then(() => true), new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);
      if (data === '' && !settled) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
      return {
        startNumber: startNumber ?? 1,
        data: Buffer.from(data).toString('base64'),
        nextOffset: offset + data.length,
        size: text.length,
        skippedBytes: 0,
        end: settled && offset + data.length === text.length,
      };
    },
  };
}

async function all(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const seen: RunEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

const outputOf = (events: RunEvent[], host: string) =>
  events.flatMap((event) => (event.kind === 'output' && event.output.host === host ? [event.output.data.toString()] : [])).join('');

it('reads every node to its end, and gives the final status last', async () => {
  const nodes = [node(0), node(1)];
  const events = await all(follow(fakeRun([status({ nodes })], Promise.resolve(ended({ nodes })), { h0: ['hello'], h1: ['world!'] }), {}));
  expect(outputOf(events, 'h0')).toBe('hello');
  expect(outputOf(events, 'h1')).toBe('world!');
  expect(events.at(-1)).toEqual({ kind: 'status', status: ended({ nodes }) });
});

it('reads a run that has ended already', async () => {
  const events = await all(follow(fakeRun([ended()], Promise.resolve(ended()), { h0: ['past'] }), {}));
  expect(outputOf(events, 'h0')).toBe('past');
});

it('goes on with the next start of a node, from the first', async () => {
  const final = ended({ nodes: [node(0, 2)] });
  const events = await all(follow(fakeRun([status({})], Promise.resolve(final), { h0: ['one ', 'two'] }), {}));
  expect(outputOf(events, 'h0')).toBe('one two');
});

it('reads what nodes wrote whose hosts the run has left', async () => {
  const final = ended({ nodes: [node(0)], formerNodes: [{ rank: 1, host: 'h1', startNumber: 2 }] });
  const events = await all(follow(fakeRun([final], Promise.resolve(final), { h0: ['a'], h1: ['one ', 'two'] }), {}));
  expect([outputOf(events, 'h0'), outputOf(events, 'h1')]).toEqual(['a', 'one two']);
});

it('reads only the node of the given rank', async () => {
  const nodes = [node(0), node(1)];
  const events = await all(follow(fakeRun([ended({ nodes })], Promise.resolve(ended({ nodes })), { h0: ['a'], h1: ['b'] }), { rank: 1 }));
  expect([outputOf(events, 'h0'), outputOf(events, 'h1')]).toEqual(['', 'b']);
});

it('gives a host up that does not answer after the end, and says so', async () => {
  const nodes = [node(0), node(1)];
  const events = await all(follow(fakeRun([ended({ nodes })], Promise.resolve(ended({ nodes })), { h0: ['a'] }, ['h1']), {}));
  expect(outputOf(events, 'h0')).toBe('a');
  expect(events).toContainEqual({ kind: 'trouble', message: 'The output of node 1 on h1 cannot be read: the host does not answer (no answer)' });
  expect(events.at(-1)?.kind).toBe('status');
});

const note = (host: string, lastLines: string) => ({
  ...{ generation: 1, rank: 1, host, type: 'HostLost' as const, message: 'lost', lastLines, atMs: 5 },
});

it('adds what a lost host told last to what was read of it', async () => {
  const nodes = [node(0), node(1)];
  const final = ended({ nodes, failures: [note('h1', '7\n8\n'), note('h2', 'of another')] });
  const told = await all(follow(fakeRun([final], Promise.resolve(final), { h0: ['a'] }, ['h1']), {}));
  expect(outputOf(told, 'h1')).toBe('7\n8\n');
  expect(told).toContainEqual({
    kind: 'trouble',
    message: 'The output of node 1 on h1 cannot be read: the host does not answer (no answer); what the run heard last of it follows',
  });
  const unwanted = await all(follow(fakeRun([final], Promise.resolve(final), { h0: ['a'] }, ['h1']), { generation: 2 }));
  expect(outputOf(unwanted, 'h1')).toBe('');
});

it('does not give up a host of the run that does not answer for a while, also when there is a newer start', async () => {
  let failures = 3;
  let end: (final: RunStatus) => void = () => {};
  const final = new Promise<RunStatus>((resolve) => {
    end = resolve;
  });
  const source = fakeRun([status({}), status({ nodes: [node(0, 2)] })], final, { h0: ['one ', 'two'] });
  const { read } = source;
  source.read = async (current, host, input, signal) => {
    if (failures-- > 0) throw new Error('no answer');
    end(ended({ nodes: [node(0, 2)] }));
    return read(current, host, input, signal);
  };
  const events = await all(follow(source, {}));
  expect(outputOf(events, 'h0')).toBe('one two');
  expect(events.filter(({ kind }) => kind === 'trouble')).toEqual([]);
});

it('asks of a host for its rank, generation, time and last lines only, and reads no other host', async () => {
  const nodes = [node(0), node(1)];
  const asked: [string, unknown, unknown][] = [];
  const source = fakeRun([ended({ nodes })], Promise.resolve(ended({ nodes })), { h0: ['a'], h1: ['b'] });
  const { read } = source;
  source.read = (current, host, input, signal) => {
    asked.push([host, input.filter, input.tail]);
    return read(current, host, input, signal);
  };
  await all(follow(source, { host: 'h1', rank: [1, 2], generation: 1, since: new Date(7), tail: 3, output: 'once' }));
  expect(asked[0]).toEqual(['h1', { ranks: [1, 2], generation: 1, sinceMs: 7 }, 3]);
  expect(asked.slice(1).every(([host, , tail]) => host === 'h1' && tail === undefined)).toBe(true);
});

it('begins with the last lines of the nodes that there are, and reads from the beginning who comes later', async () => {
  const later = status({ nodes: [node(0), node(1)] });
  const asked = new Map<string, number | undefined>();
  let end: (final: RunStatus) => void = () => {};
  const final = new Promise<RunStatus>((resolve) => {
    end = resolve;
  });
  const source = fakeRun([status({}), later], final, { h0: ['a'], h1: ['b'] });
  const { read } = source;
  source.read = (current, host, input, signal) => {
    if (!asked.has(host)) asked.set(host, input.tail);
    if (host === 'h1') end(ended({ nodes: later.nodes }));
    return read(current, host, input, signal);
  };
  await all(follow(source, { tail: 3 }));
  expect([...asked]).toEqual([
    ['h0', 3],
    ['h1', undefined],
  ]);
});

it('leaves a long poll as soon as the run has ended', async () => {
  let end: (final: RunStatus) => void = () => {};
  const final = new Promise<RunStatus>((resolve) => {
    end = resolve;
  });
  const seen: RunEvent[] = [];
  for await (const event of follow(fakeRun([status({})], final, { h0: ['abc'] }), {})) {
    seen.push(event);
    if (event.kind === 'output') end(ended());
  }
  expect(seen.at(-1)).toEqual({ kind: 'status', status: ended() });
});

it('ends when it is told to', async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const event of follow(fakeRun([status({})], new Promise(() => {}), { h0: ['abc'] }), { signal: stop.signal })) {
    seen.push(event.kind);
    if (event.kind === 'output') stop.abort();
  }
  expect(seen).toContain('output');
});

it('gives bare names their values, and leaves the rest of the task as it is', () => {
  const task = { nodes: 2, env: ['A', 'B=2', 'MISSING'] };
  expect(withSubmitterEnv(task, { A: '1' })).toEqual({ nodes: 2, env: ['A=1', 'B=2', 'MISSING'] });
  expect(withSubmitterEnv({ env: { A: 'x' } }, { A: '1' })).toEqual({ env: { A: 'x' } });
});
