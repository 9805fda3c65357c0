import { afterEach, expect, test } from 'vitest';
import { agreed, gate, join, leaveNothingOpen, openPort, ROSTER, until, wiretap } from './meeting-place.js';

afterEach(leaveNothingOpen);

const reached = (node: { trail: string[] }, step: string) =>
  until(
    () => node.trail,
    (trail) => trail.includes(step),
  );

test('the workers go when the master is up, and not before', async () => {
  const port = await openPort();
  const terms = agreed({ first: 'master' });
  const own: string[] = [];
  const meeting = port.host(terms, { onGo: () => void own.push('go') });
  const workers = [1, 2].map((rank) => join(port, terms, rank, { patienceMs: 20_000 }));
  await Promise.all(workers.map((worker) => reached(worker, 'ready')));
  meeting.ready();
  await until(
    () => own.length,
    (went) => went === 1,
  );
  // A third that comes now is served after whatever the first two were sent.
  const again = join(port, terms, 2, { patienceMs: 20_000 });
  await reached(again, 'ready');
  expect(workers.flatMap(({ trail }) => trail)).not.toContain('go');
  meeting.up();
  await Promise.all([workers[0]?.done, again.done, meeting.released]);
  expect([own, workers[0]?.trail, again.trail]).toEqual([['go'], [`roster ${ROSTER}`, 'ready', 'go'], [`roster ${ROSTER}`, 'ready', 'go']]);
});

test('the master goes when every worker is up, and the workers hear that all were released', async () => {
  const port = await openPort();
  const terms = agreed({ first: 'workers' });
  const own: string[] = [];
  const slow = gate();
  const meeting = port.host(terms, { onGo: () => void own.push('go') });
  meeting.ready();
  const quick = join(port, terms, 1, { saysUp: true });
  const last = join(port, terms, 2, { saysUp: true }, async () => {}, slow.wait);
  await reached(quick, 'up');
  await reached(last, 'go');
  expect(own).toEqual([]);
  slow.open();
  await Promise.all([quick.done, last.done, meeting.released]);
  expect([own, quick.trail, last.trail]).toEqual([['go'], [`roster ${ROSTER}`, 'ready', 'go', 'up'], [`roster ${ROSTER}`, 'ready', 'go', 'up']]);
});

test('a worker whose connection is cut while it gets ready goes once and is heard all the same', async () => {
  const port = await openPort();
  const terms = agreed({ first: 'workers', nodes: 2 });
  const slow = gate();
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  const wire = await wiretap(port);
  const worker = join(wire, terms, 1, { saysUp: true }, async () => {}, slow.wait);
  await reached(worker, 'go');
  wire.cut();
  slow.open();
  await Promise.all([worker.done, meeting.released]);
  expect(worker.trail).toEqual([`roster ${ROSTER}`, 'ready', 'go', 'up']);
});

test('a gate that fails is the failure of its node, and nobody else goes', async () => {
  const port = await openPort();
  const terms = agreed({ first: 'workers', nodes: 2 });
  const own: string[] = [];
  port.host(terms, { onGo: () => void own.push('go') }).ready();
  const worker = join(
    port,
    terms,
    1,
    { saysUp: true },
    async () => {},
    () => Promise.reject(new Error('no gate')),
  );
  await expect(worker.done).rejects.toThrow('no gate');
  expect(own).toEqual([]);
});

test('the barrier breaks at its deadline as without waves, and not while the first get ready', async () => {
  const port = await openPort();
  const terms = agreed({ first: 'master', nodes: 2, deadlineAt: Date.now() + 150 });
  const meeting = port.host(terms, { onGo: () => {} });
  meeting.ready();
  await expect(meeting.released).rejects.toThrow('1 of 2 nodes was not ready');
  meeting.close();

  const soon = agreed({ first: 'master', nodes: 2, generation: 2, deadlineAt: Date.now() + 400 });
  const second = port.host(soon, { onGo: () => {} });
  const worker = join(port, soon, 1, { patienceMs: 10_000 });
  await reached(worker, 'ready');
  second.ready();
  await until(Date.now, (now) => now > soon.deadlineAt + 50);
  second.up();
  await Promise.all([worker.done, second.released]);
});
