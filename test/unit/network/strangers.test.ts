import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { AddressNotFound } from '../../../activities/network/errors.js';
import { newNonce, PROTOCOL_VERSION, prove } from '../../../activities/network/protocol.js';
import { agreed, dial, join, leaveNothingOpen, openPort, type Raw, until } from './meeting-place.js';

afterEach(leaveNothingOpen);

const closed = (raw: Raw, limitMs?: number) => until(raw.closed, (is) => is, limitMs);
const line = (frame: unknown) => `${JSON.stringify(frame)}\n`;
const hello = (changes: object = {}) => {
  const { runId, generation, digest, token } = agreed();
  const claim = { runId, generation, digest, rank: 1, ...changes };
  const nonce = newNonce();
  return { muster: PROTOCOL_VERSION, t: 'hello', ...claim, nonce, mac: prove(token, 'hello', claim, nonce), ...changes };
};

test.each<[string, string | Buffer]>([
  ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n'],
  ['TLS', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])],
  ['an empty line', '\n'],
  ['JSON that is no frame', '{}\n'],
  ['JSON that is broken', '{"muster":1,\n'],
  ['a frame of the middle', line({ t: 'ready' })],
  ['a hello that lacks its proof', line({ ...hello(), mac: undefined })],
  ['a hello with a rank that is no number', line({ ...hello(), rank: '1' })],
  ['a first frame without an end', `{"muster":1,"pad":"${'x'.repeat(5_000)}`],
  ['a first frame that is too long', line({ ...hello(), pad: 'x'.repeat(5_000) })],
])('%s is dropped at once without a word', async (_name, said) => {
  const port = await openPort();
  port.host(agreed(), { onGo: () => {} });
  const raw = await dial(port);
  raw.socket.write(said);
  await closed(raw, 1_000);
  expect(raw.heard()).toBe('');
});

test('a connection that says nothing, or says it byte by byte, is dropped', async () => {
  const port = await openPort({ strangers: { ms: 150, limit: 16 } });
  const silent = await dial(port);
  const slow = await dial(port);
  const drip = setInterval(() => slow.socket.write('{'), 10);
  await Promise.all([closed(silent, 2_000), closed(slow, 2_000)]);
  clearInterval(drip);
  expect(silent.heard() + slow.heard()).toBe('');
});

test('a connection that answers no challenge is dropped, and its replay proves nothing', async () => {
  const port = await openPort({ strangers: { ms: 150, limit: 16 } });
  const meeting = port.host(agreed(), { onGo: () => {} });
  meeting.ready();
  const replayed = await dial(port);
  replayed.socket.write(line(hello()));
  const [challenge] = await until(replayed.frames, (frames) => frames.length > 0);
  replayed.socket.write(line({ t: 'proof', proof: challenge?.['proof'] }));
  await closed(replayed);
  expect(replayed.frames()[1]).toEqual({ t: 'refused', why: 'denied' });
  const silent = await dial(port);
  silent.socket.write(line(hello()));
  await closed(silent, 2_000);
  expect(silent.frames().map(({ t }) => t)).toEqual(['challenge']);
});

test('who waits for a meeting that is not held is told to come again', async () => {
  const port = await openPort({ strangers: { ms: 100, limit: 16 } });
  const raw = await dial(port);
  raw.socket.write(line(hello()));
  await closed(raw, 2_000);
  expect(raw.frames()).toEqual([{ t: 'refused', why: 'not-yet' }]);
  const node = join(port, agreed({ nodes: 2 }), 1);
  const again = await dial(port);
  again.socket.write(line(hello({ rank: 2 })));
  await closed(again, 2_000);
  port.host(agreed({ nodes: 2 }), { onGo: () => {} }).ready();
  await node.done;
});

test('who waits for a meeting is challenged on the same connection when it is held', async () => {
  const port = await openPort();
  const raw = await dial(port);
  raw.socket.write(line(hello()));
  const other = await dial(port);
  other.socket.write('x');
  await closed(other);
  expect(raw.heard()).toBe('');
  port.host(agreed(), { onGo: () => {} });
  expect((await until(raw.frames, (frames) => frames.length > 0))[0]?.t).toBe('challenge');
});

test('a node of a newer generation waits for its own meeting and is not let into the older one', async () => {
  const port = await openPort();
  port.host(agreed(), { onGo: () => {} });
  const raw = await dial(port);
  raw.socket.write(line(hello({ generation: 2 })));
  const other = await dial(port);
  other.socket.write(line(hello()));
  await until(other.frames, (frames) => frames.length > 0);
  expect(raw.heard()).toBe('');
  port.host(agreed({ generation: 2 }), { onGo: () => {} });
  expect((await until(raw.frames, (frames) => frames.length > 0))[0]?.t).toBe('challenge');
});

test('who does not know the token learns nothing of generation, digest or ranks', async () => {
  const port = await openPort();
  port.host(agreed({ generation: 7 }), { onGo: () => {} });
  for (const changes of [{ generation: 1 }, { generation: 7 }, { generation: 7, rank: 99 }, { generation: 7, digest: 'f' }]) {
    const raw = await dial(port);
    raw.socket.write(line({ ...hello(changes), mac: newNonce() }));
    await closed(raw);
    expect(raw.heard()).toBe(line({ t: 'refused', why: 'denied' }));
  }
});

test('another version of the protocol is refused by name', async () => {
  const port = await openPort();
  const raw = await dial(port);
  raw.socket.write(line({ muster: PROTOCOL_VERSION + 1, t: 'hello', whatever: true }));
  await closed(raw);
  expect(raw.frames()).toEqual([{ t: 'refused', why: 'version', version: PROTOCOL_VERSION }]);
});

test('the number of strangers is bounded, and nodes still get through', async () => {
  const port = await openPort({ strangers: { ms: 60_000, limit: 8 } });
  const crowd = await Promise.all(Array.from({ length: 40 }, () => dial(port)));
  await until(
    () => crowd.filter((raw) => !raw.closed()).length,
    (open) => open === 8,
  );
  const terms = agreed({ nodes: 2 });
  port.host(terms, { onGo: () => {} }).ready();
  await join(port, terms, 1).done;
});

test('those who wait with a hello are not driven out by those who say nothing', async () => {
  const port = await openPort({ strangers: { ms: 60_000, limit: 4 } });
  const waiting = await Promise.all([1, 2, 3, 4].map(() => dial(port)));
  for (const raw of waiting) raw.socket.write(line(hello()));
  const probe = await dial(port);
  probe.socket.write('x');
  await closed(probe);
  const silent = await Promise.all(Array.from({ length: 10 }, () => dial(port)));
  await until(
    () => silent.filter((raw) => raw.closed()).length,
    (gone) => gone >= 6,
  );
  port.host(agreed(), { onGo: () => {} });
  await until(
    () => waiting.filter((raw) => raw.frames()[0]?.t === 'challenge').length,
    (challenged) => challenged >= 3,
  );
});

test('whatever is said, the port lives on and says nothing but refusals', async () => {
  const port = await openPort({ strangers: { ms: 200, limit: 64 } });
  const terms = agreed({ nodes: 2 });
  const meeting = port.host(terms, { onGo: () => {} });
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((json) => Buffer.from(`${json}\n`)),
    fc
      .record({ ...Object.fromEntries(Object.keys(hello()).map((key) => [key, fc.jsonValue()])), muster: fc.constantFrom(1, 1, 2, 'x') })
      .map((frame) => Buffer.from(line(frame))),
    fc.tuple(fc.constantFrom(...Object.keys(hello())), fc.jsonValue()).map(([key, value]) => Buffer.from(line({ ...hello(), [key]: value }))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(noise, { minLength: 1, maxLength: 4 }), async (said) => {
      const raw = await dial(port);
      for (const piece of said) raw.socket.write(piece);
      raw.socket.end();
      await closed(raw);
      expect(
        raw
          .frames()
          .map(({ t }) => t)
          .filter((t) => t !== 'refused' && t !== 'challenge'),
      ).toEqual([]);
    }),
    { numRuns: 150 },
  );
  meeting.ready();
  await join(port, terms, 1).done;
});

test('a port that is taken is said in a sentence', async () => {
  const port = await openPort();
  await expect(openPort({ port: port.port })).rejects.toThrow(`Port ${port.port} on 127.0.0.2 is taken by another program. Choose another with --port,`);
  const beside = await openPort({ address: '127.0.0.3', port: port.port });
  expect(beside.port).toBe(port.port);
});

test('an address of another machine is AddressNotFound', async () => {
  await expect(openPort({ address: '192.0.2.250' })).rejects.toBeInstanceOf(AddressNotFound);
});

test('closing the port ends its meetings, its nodes and its strangers', async () => {
  const port = await openPort();
  const terms = agreed();
  const meeting = port.host(terms, { onGo: () => {} });
  const raw = await dial(port);
  const node = join(port, { ...terms, deadlineAt: Date.now() - 1_700 }, 1);
  await until(
    () => node.trail,
    (trail) => trail.includes('ready'),
  );
  await port.close();
  await closed(raw);
  await expect(meeting.released).rejects.toMatchObject({ type: 'BarrierBroken', reason: 'closed' });
  await expect(node.done).rejects.toMatchObject({ type: 'BarrierBroken' });
});
