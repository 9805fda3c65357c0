import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { BarrierBroken } from '../../../activities/network/errors.js';
import { encode, newNonce, prove } from '../../../activities/network/protocol.js';
import { agreed, gate, join, leaveNothingOpen, listen, openPort, ROSTER, seated, until, wiretap } from './meeting-place.js';

afterEach(leaveNothingOpen);

const broken = (promise: Promise<unknown>): Promise<BarrierBroken> =>
  promise.then(
    (value) => Promise.reject(new Error(`not broken but ${JSON.stringify(value)}`)),
    (error) => (error instanceof BarrierBroken ? error : Promise.reject(error)),
  );

test('nobody is released before the last one is ready, then all are', async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 6 });
  const own: string[] = [];
  const meeting = port.host(terms, { onGo: () => void own.push('go') });
  const nodes = [1, 2, 3, 4].map((rank) => join(port, terms, rank));
  meeting.ready();
  meeting.ready();
  await until(
    () => nodes.filter(({ trail }) => trail.includes('ready')).length,
    (ready) => ready === 4,
  );

  // The last one's whole talk comes after the others' ready on the same port, so the host has heard them all.
  const late = gate();
  const last = join(port, terms, 5, {}, late.wait);
  await until(
    () => last.trail,
    (trail) => trail.length === 1,
  );
  expect([...nodes, { trail: own }].flatMap(({ trail }) => trail)).not.toContain('go');

  late.open();
  await Promise.all([...nodes, last].map(({ done }) => done));
  expect(await meeting.released).toEqual({ released: true });
  for (const { trail } of [...nodes, last]) expect(trail).toEqual([`roster ${ROSTER}`, 'ready', 'go']);
  expect(own).toEqual(['go']);
});

test('all wait for rank 0 itself', async () => {
  const port = await openPort();
  const terms = agreed();
  const prepared = gate();
  const meeting = port.host(terms, { onGo: () => {} });
  const first = join(port, terms, 1);
  await until(
    () => first.trail,
    (trail) => trail.includes('ready'),
  );
  const second = join(port, terms, 2, {}, prepared.wait);
  await until(
    () => second.trail,
    (trail) => trail.length === 1,
  );
  prepared.open();
  await until(
    () => second.trail,
    (trail) => trail.includes('ready'),
  );
  const stranger = join(port, terms, 1, { digest: 'f'.repeat(64) });
  await broken(stranger.done);
  expect([...first.trail, ...second.trail]).not.toContain('go');
  meeting.ready();
  meeting.ready();
  await Promise.all([meeting.released, first.done, second.done]);
});

test('a gang of one is released as soon as it is ready', async () => {
  const port = await openPort();
  let gone = 0;
  const meeting = port.host(agreed({ nodes: 1 }), { onGo: () => void gone++ });
  meeting.ready();
  await meeting.released;
  expect(gone).toBe(1);
});

test('a hundred nodes meet', async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 100, rosterBytes: Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`).join('\n') });
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  const nodes = Array.from({ length: 99 }, (_, i) => join(port, terms, i + 1));
  await Promise.all([meeting.released, ...nodes.map(({ done }) => done)]);
});

test('a roster of nearly a megabyte arrives whole', async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 2, rosterBytes: 'x'.repeat(1024 * 1024 - 100) });
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  await join(port, terms, 1).done;
  expect(() => port.host(agreed({ runId: 'run-b', rosterBytes: 'x'.repeat(1024 * 1024) }), { onGo: () => {} })).toThrow(/too long for a barrier/);
});

test('the host refuses a roster that does not have its digest', async () => {
  const port = await openPort();
  expect(() => port.host(agreed({ digest: 'f'.repeat(64) }), { onGo: () => {} })).toThrow(/does not have the digest/);
});

test('a node that calls from its own address before the meeting is held waits for it', async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 2 });
  const node = join(port, terms, 1, { localAddress: '127.0.0.3' });
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  await Promise.all([meeting.released, node.done]);
});

test('a node that calls before there is a port calls again', async () => {
  const reserved = await openPort();
  await reserved.close();
  const terms = agreed({ nodes: 2 });
  const node = join(reserved, terms, 1);
  const port = await openPort({ port: reserved.port });
  port.host(terms, { onGo: () => {} }).ready();
  await node.done;
});

test('two runs meet on one port at once', async () => {
  const port = await openPort();
  const runs = ['run-a', 'run-b'].map((runId) => agreed({ runId, token: `token of ${runId}`, rosterBytes: `roster of ${runId}` }));
  const meetings = runs.map((terms) => port.host(terms, { onGo: () => {} }));
  const nodes = runs.map((terms) => [1, 2].map((rank) => join(port, terms, rank)));
  meetings[0]?.ready();
  await Promise.all((nodes[0] ?? []).map(({ done }) => done));
  expect(nodes[1]?.flatMap(({ trail }) => trail)).not.toContain('go');
  meetings[1]?.ready();
  await Promise.all((nodes[1] ?? []).map(({ done }) => done));
  expect(nodes[1]?.[0]?.trail[0]).toBe('roster roster of run-b');
});

test('the deadline names the missing ranks, how far each came, and tells those who wait', async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 6, deadlineAt: Date.now() + 400 });
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  const ready = join(port, terms, 1);
  const slow = join(port, terms, 2, {}, gate().wait);
  await broken(join(port, terms, 4, { token: 'a guess' }).done);
  await broken(join(port, terms, 5, { digest: 'f'.repeat(64) }).done);
  const error = await broken(meeting.released);
  expect(error).toMatchObject({ type: 'BarrierBroken', reason: 'deadline' });
  expect(error.missing).toEqual([
    { rank: 2, state: 'connected, not ready' },
    { rank: 3, state: 'never connected' },
    { rank: 4, state: 'never connected (who claimed to be it did not know the token)' },
    { rank: 5, state: 'refused, its roster has another digest' },
  ]);
  expect(error.message).toContain('generation 1 broke: at its deadline 4 of 6 nodes were not ready: rank 2: connected, not ready; rank 3: never connected;');
  for (const node of [ready, slow]) expect((await broken(node.done)).missing).toEqual(error.missing);
  expect((await broken(join(port, terms, 3).done)).message).toBe(error.message);
});

test('rank 0 is among the missing when it is not ready itself, and a lost connection is told from none', async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 4, deadlineAt: Date.now() + 300 });
  const meeting = port.host(terms, { onGo: () => {} });
  const gone = new AbortController();
  const nodes = [join(port, terms, 1, { signal: gone.signal }), join(port, terms, 2, { signal: gone.signal }, gate().wait)];
  await until(
    () => nodes.map(({ trail }) => trail.length),
    ([first, second]) => first === 2 && second === 1,
  );
  await join(port, terms, 9).done.catch(() => {});
  gone.abort();
  expect((await broken(meeting.released)).missing).toEqual([
    { rank: 0, state: 'not ready' },
    { rank: 1, state: 'was ready, then its connection was lost' },
    { rank: 2, state: 'connected, then gone before it was ready' },
    { rank: 3, state: 'never connected' },
  ]);
});

test('a deadline that is past breaks the barrier at once', async () => {
  const port = await openPort();
  const error = await broken(port.host(agreed({ deadlineAt: Date.now() - 60_000 }), { onGo: () => {} }).released);
  expect(error.missing).toHaveLength(3);
});

test('a node that nobody answers fails two seconds after the deadline and says how far it came', async () => {
  const port = await openPort();
  const terms = agreed({ deadlineAt: Date.now() - 1_800 });
  const held = await broken(join(port, terms, 1).done);
  expect(held).toMatchObject({ reason: 'deadline', missing: [{ rank: 0, state: 'connected, no meeting there yet' }] });
  expect(Date.now()).toBeGreaterThanOrEqual(terms.deadlineAt + 1_990);
  await port.close();
  const refused = await broken(join(port, agreed({ deadlineAt: Date.now() - 1_900 }), 1).done);
  expect(refused.message).toMatch(/Rank 1 waited in vain for the barrier of generation 1 at 127\.0\.0\.2 port \d+: connect ECONNREFUSED/);
});

test.each<[string, Parameters<typeof join>[3], string, RegExp]>([
  ['a wrong token', { token: 'a guess' }, 'denied', /could not prove that it knows the token/],
  ['a wrong digest', { digest: 'f'.repeat(64) }, 'wrong-digest', /its roster has another digest/],
  ['an old generation that arrives late', { generation: 1 }, 'stale-generation', /cannot meet generation 1 .*the run is at generation 2 there/],
  ['a rank that the roster does not have', { rank: 3 }, 'wrong-rank', /has no place for rank 3/],
  ['the rank of the host itself', { rank: 0 }, 'wrong-rank', /has no place for rank 0/],
])('a node is refused for %s, and the others meet all the same', async (_name, changes, reason, message) => {
  const port = await openPort();
  const terms = agreed({ generation: 2 });
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  const refused = join(port, terms, 1, changes);
  const error = await broken(refused.done);
  expect(error.reason).toBe(reason);
  expect(error.message).toMatch(message);
  expect(refused.trail).toEqual([]);
  await Promise.all([join(port, terms, 1).done, join(port, terms, 2).done, meeting.released]);
});

test('a newer generation closes the older meeting, whose nodes are told; the older cannot come back', async () => {
  const port = await openPort();
  const first = agreed();
  const second = agreed({ generation: 2 });
  const old = port.host(first, { onGo: () => {} });
  const stale = join(port, first, 1);
  const early = join(port, second, 1);
  await until(
    () => stale.trail,
    (trail) => trail.includes('ready'),
  );
  const meeting = port.host(second, { onGo: () => {} });
  expect((await broken(old.released)).reason).toBe('closed');
  expect((await broken(stale.done)).reason).toBe('stale-generation');
  expect(() => port.host(first, { onGo: () => {} })).toThrow(BarrierBroken);
  expect(() => port.host(second, { onGo: () => {} })).toThrow(/already held here/);
  meeting.ready();
  await Promise.all([early.done, join(port, second, 2).done]);
  expect(stale.trail).not.toContain('go');
});

test('a roster that was changed on its way is not handed on', async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 2 });
  port.host(terms, { onGo: () => {} }).ready();
  const tap = await wiretap(port, (said) => said.replace('127.0.0.3', '127.0.0.6'));
  const node = join(tap, terms, 1);
  expect((await broken(node.done)).reason).toBe('tampered');
  expect(node.trail).toEqual([]);
});

test('a host that does not know the token is found out', async () => {
  const server = createServer((socket) => {
    const answer = () => socket.write(`${JSON.stringify({ t: 'challenge', nonce: '0'.repeat(64), proof: '0'.repeat(64) })}\n`);
    socket.on('error', () => {}).once('data', answer);
  });
  const node = join(await listen(server), agreed(), 1);
  expect((await broken(node.done)).reason).toBe('impostor');
});

test('a node calls from its own address', async () => {
  const callers: (string | undefined)[] = [];
  const abort = new AbortController();
  const server = createServer((socket) => {
    callers.push(socket.on('error', () => {}).remoteAddress);
    abort.abort();
  });
  const node = join(await listen(server), agreed(), 1, { localAddress: '127.0.0.5', signal: abort.signal });
  await node.done.catch(() => {});
  expect(callers).toEqual(['127.0.0.5']);
});

test('a go that comes before the node is ready is not obeyed', async () => {
  const terms = agreed();
  let calls = 0;
  const server = createServer((socket) => {
    calls++;
    socket
      .on('error', () => {})
      .once('data', (said) => {
        const hello = JSON.parse(String(said));
        const nonce = newNonce();
        socket.write(encode({ t: 'challenge', nonce, proof: prove(terms.token, 'host', hello, hello.nonce, nonce) }));
        socket.once('data', () => socket.write(Buffer.concat([encode({ t: 'roster', bytes: ROSTER }), encode({ t: 'go' })])));
      });
  });
  const abort = new AbortController();
  const node = join(await listen(server), terms, 1, { signal: abort.signal }, gate().wait);
  await until(
    () => calls,
    (count) => count >= 2,
  );
  abort.abort();
  await node.done.catch(() => {});
  expect(node.trail).toEqual([`roster ${ROSTER}`]);
});

test('a proof of one role is none for another, and none for another nonce', () => {
  const proofs = (['hello', 'joiner', 'host'] as const).flatMap((role) =>
    ['a', 'b'].map((nonce) => prove('token', role, { ...agreed(), rank: 1 }, 'n', nonce)),
  );
  expect(new Set(proofs).size).toBe(6);
});

test('the token never crosses the wire', async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 2 });
  port.host(terms, { onGo: () => {} }).ready();
  const tap = await wiretap(port);
  await join(tap, terms, 1).done;
  expect(tap.tapped.join('')).toContain('127.0.0.3');
  expect(tap.tapped.join('')).not.toContain(terms.token);
  expect(tap.tapped.join('')).not.toContain(Buffer.from(terms.token).toString('hex'));
});

test('a node that lost its connection after it was ready is waited for, and prepares only once', async () => {
  const port = await openPort();
  const terms = agreed();
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  const tap = await wiretap(port);
  const cut = join(tap, terms, 1);
  await until(
    () => tap.tapped.join(''),
    (said) => said.includes('"ready"'),
  );
  tap.cut();
  await Promise.all([cut.done, join(port, terms, 2).done, meeting.released]);
  expect(cut.trail).toEqual([`roster ${ROSTER}`, 'ready', 'go']);
});

test('a node whose agent died after it was ready holds the others until its next agent is ready', async () => {
  const port = await openPort();
  const terms = agreed();
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  const death = new AbortController();
  const dead = join(port, terms, 1, { signal: death.signal });
  await until(
    () => dead.trail,
    (trail) => trail.includes('ready'),
  );
  death.abort();
  const other = join(port, terms, 2);
  await until(
    () => other.trail,
    (trail) => trail.includes('ready'),
  );
  const prepared = gate();
  const next = join(port, terms, 1, {}, prepared.wait);
  await until(
    () => next.trail,
    (trail) => trail.length === 1,
  );
  expect(other.trail).not.toContain('go');
  prepared.open();
  await Promise.all([next.done, other.done, meeting.released]);
  expect(dead.trail).not.toContain('go');
});

test('a newer connection of a rank takes the place of one that is dead without knowing', async () => {
  const port = await openPort();
  const terms = agreed();
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  const frozen = await seated(port, terms, 1);
  frozen.socket.write('{"t":"ready"}\n');
  const next = gate();
  const node = join(port, terms, 1, {}, next.wait);
  await until(frozen.closed, (closed) => closed);
  const other = join(port, terms, 2);
  await until(
    () => [other.trail.length, node.trail.length],
    ([ready, roster]) => ready === 2 && roster === 1,
  );
  await join(port, terms, 3).done.catch(() => {});
  expect(other.trail).not.toContain('go');
  next.open();
  await Promise.all([node.done, other.done, meeting.released]);
  expect(frozen.frames().map(({ t }) => t)).toEqual(['challenge', 'roster']);
});

test('a node that speaks out of turn is not counted as ready twice', async () => {
  const port = await openPort();
  const terms = agreed();
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  const eager = await seated(port, terms, 1);
  eager.socket.write('{"t":"ready"}\n{"t":"ready"}\n');
  await until(eager.closed, (closed) => closed);
  expect(eager.frames().map(({ t }) => t)).not.toContain('go');
  await Promise.all([join(port, terms, 1).done, join(port, terms, 2).done, meeting.released]);
});

test('a node that comes back after the release gets go at once, until the meeting is closed', async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 2 });
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  await Promise.all([join(port, terms, 1).done, meeting.released]);
  const back = join(port, terms, 1);
  await back.done;
  expect(back.trail).toEqual([`roster ${ROSTER}`, 'ready', 'go']);
  meeting.close();
  meeting.close();
  const late = join(port, { ...terms, deadlineAt: Date.now() - 1_900 }, 1);
  expect((await broken(late.done)).reason).toBe('deadline');
  expect(late.trail).toEqual([]);
});

test('a host that had released before its agent was started anew gives go to who comes', async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 3, alreadyReleased: true, deadlineAt: Date.now() - 5_000 });
  let gone = 0;
  const meeting = port.host(terms, { onGo: () => void gone++ });
  await meeting.released;
  await join(port, { ...terms, deadlineAt: Date.now() + 5_000 }, 2).done;
  expect(gone).toBe(0);
});

test('an abort ends the host, and nobody is released', async () => {
  const port = await openPort();
  const abort = new AbortController();
  const terms = agreed({ nodes: 2, signal: abort.signal });
  const meeting = port.host(terms, { onGo: () => {} });
  const node = join(port, { ...terms, deadlineAt: Date.now() - 1_500 }, 1);
  await until(
    () => node.trail,
    (trail) => trail.includes('ready'),
  );
  abort.abort(new Error('stop the host'));
  await expect(meeting.released).rejects.toThrow('stop the host');
  meeting.ready();
  expect((await broken(node.done)).reason).toBe('deadline');
  const again = port.host({ ...terms, nodes: 1 }, { onGo: () => {} });
  await expect(again.released).rejects.toThrow('stop the host');
});

test.each(['before it calls', 'while it is held', 'while it prepares', 'while it waits for go', 'between two calls'])(
  'an abort ends a node %s',
  async (when) => {
    const port = await openPort();
    const terms = agreed({ nodes: 3 });
    const abort = new AbortController();
    if (when === 'before it calls') abort.abort(new Error('stop the node'));
    if (when === 'between two calls') await port.close();
    else if (when !== 'while it is held') port.host(terms, { onGo: () => {} }).ready();
    const node = join(port, terms, 1, { signal: abort.signal }, when === 'while it prepares' ? gate().wait : undefined);
    if (when === 'while it prepares')
      await until(
        () => node.trail,
        (trail) => trail.length === 1,
      );
    if (when === 'while it waits for go')
      await until(
        () => node.trail,
        (trail) => trail.length === 2,
      );
    abort.abort(new Error('stop the node'));
    await expect(node.done).rejects.toThrow('stop the node');
    expect(node.trail).not.toContain('go');
  },
);

test('a node that cannot prepare fails with its own error and is named as not ready', async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 2, deadlineAt: Date.now() + 150 });
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  await expect(join(port, terms, 1, {}, () => Promise.reject(new Error('disk full'))).done).rejects.toThrow('disk full');
  expect((await broken(meeting.released)).missing).toEqual([{ rank: 1, state: 'connected, then gone before it was ready' }]);
});

test("an error in rank 0's own go does not keep the others from theirs", async () => {
  const port = await openPort();
  const terms = agreed({ nodes: 2 });
  const meeting = port.host(terms, {
    onGo: () => {
      throw new Error('no shim');
    },
  });
  meeting.ready();
  const node = join(port, terms, 1);
  await expect(meeting.released).rejects.toThrow('no shim');
  await node.done;
});
