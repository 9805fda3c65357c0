import { describe, expect, it } from 'vitest';
import { until } from '../helpers/until.js';
import { statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage();
/** Until a silent host is passed over, less a moment: the server forgets a timeout that the clock jumps over. */
const ALMOST_SILENT_MS = 9_700;

describe('a host that does not answer the gather', () => {
  it('is replaced when another is free', async () => {
    const [a, , c] = await stage.hosts({ a: {}, b: { silent: true }, c: {} });
    const run = await stage.run({ nodes: 2 });
    await until(() => a?.calls, ['startNode']);
    await stage.env.skip(ALMOST_SILENT_MS, 1);
    const { status, final } = await run.outcome();
    expect(status).toBe('succeeded');
    expect(final.nodes.map(({ rank, host }) => [rank, host])).toEqual([
      [0, 'a'],
      [1, 'c'],
    ]);
    expect(c?.asked('runNode')[0]?.startReason).toBe('first');
    await stage.allFree();
    await stage.record('run-replaces-silent-host', 'story');
  });

  it('is replaced by one with the labels of its group, which keeps its ranks and its commands', async () => {
    const [head, , , spare] = await stage.hosts({
      z: { labels: { role: 'head' } },
      b: { silent: true, labels: { role: 'worker' } },
      c: {},
      d: { labels: { role: 'worker' } },
    });
    const groups = [
      { name: 'head', where: { role: 'head' }, commands: ['lead'] },
      { name: 'workers', where: { role: 'worker' }, commands: ['work'] },
    ];
    const run = await stage.run({ groups });
    await until(() => head?.calls, ['startNode']);
    await stage.env.skip(ALMOST_SILENT_MS, 1);
    const { status, final } = await run.outcome();
    expect([status, final.nodes.map(({ rank, group, host }) => [rank, group, host])]).toEqual([
      'succeeded',
      [
        [0, 'head', 'z'],
        [1, 'workers', 'd'],
      ],
    ]);
    expect([head, spare].map((host) => host?.asked('startNode')[0]?.program.commands)).toEqual([['lead'], ['work']]);
    await stage.allFree();
    await stage.record('run-with-groups', 'story');
  });

  it('fails the run with GatherTimeout, every late host named, when none is free within gather_timeout', async () => {
    const [a] = await stage.hosts({ a: {}, b: { silent: true }, c: { silent: true } });
    const run = await stage.run({ nodes: 3, gather_timeout: '1s' });
    const { reason, message } = await run.outcome();
    expect(reason).toBe('GatherTimeout');
    expect(message).toBe('Host b did not answer within 1 s; Host c did not answer within 1 s; no other host was free in time');
    await stage.allFree();
    expect(a?.asked('runNode')).toEqual([]);
  });

  it('fails the run at once when the task pins its hosts', async () => {
    const [a] = await stage.hosts({ a: {}, b: { silent: true }, c: {} });
    const run = await stage.run({ nodes: 2, hosts: ['a', 'b'] });
    await until(() => a?.calls, ['startNode']);
    await stage.env.skip(ALMOST_SILENT_MS, 1);
    const { reason, message } = await run.outcome();
    expect([reason, message]).toEqual(['GatherTimeout', 'Host b did not answer within 10 s; no other host was free in time']);
    await stage.allFree();
  });

  it('is not asked again, nor counted as late, when it announces itself while the run waits and answers then', async () => {
    const [a, b] = await stage.hosts({ a: {}, b: { silent: true } });
    const run = await stage.run({ nodes: 2 });
    await until(() => a?.calls, ['startNode']);
    await stage.env.skip(ALMOST_SILENT_MS, 1);
    await run.untilStatus(({ reason }) => reason === 'WaitingForHosts');
    await b?.serve();
    await b?.announce();
    const { status, message } = await run.outcome();
    expect([status, message]).toEqual(['succeeded', 'All 2 nodes exited with code 0']);
    await stage.allFree();
  });

  it('is used by the next run when it answers the clean-up of the fleet after all', async () => {
    const [a, b] = await stage.hosts({ a: {}, b: { silent: true } });
    const run = await stage.run({ nodes: 2, hosts: ['a', 'b'] });
    await until(() => a?.calls, ['startNode']);
    await stage.env.skip(ALMOST_SILENT_MS, 1);
    await run.outcome();
    await b?.serve();
    await until(() => statesOf(stage.env), { a: 'free', b: 'free' });
    expect((await (await stage.run({ nodes: 2, queue_timeout: '5s' }, 'next')).outcome()).status).toBe('succeeded');
  });
});

describe('a host that hangs in the gather', () => {
  it('fails the run by name when gather_timeout has passed', async () => {
    await stage.hosts({ a: {}, b: { hangsInStart: true } });
    const run = await stage.run({ nodes: 2, hosts: ['a', 'b'], gather_timeout: '1s', stop_duration: 0 });
    const { reason, message } = await run.outcome(60_000);
    expect([reason, message]).toEqual(['GatherTimeout', expect.stringContaining('Host b')]);
  });
});

describe('a refused start', () => {
  it('fails the run with its type, every refusing host named, when several refuse', async () => {
    const refusal = (host: string) => ({ failStart: { type: 'CommandNotFound' as const, message: `Host ${host} has no bash` } });
    const [a] = await stage.hosts({ a: {}, b: refusal('b'), c: refusal('c') });
    const run = await stage.run({ nodes: 3 });
    const { reason, message } = await run.outcome();
    expect([reason, message]).toEqual(['CommandNotFound', 'Host b has no bash; Host c has no bash']);
    expect(a?.asked('stopNode')[0]).toMatchObject({ gathering: a?.asked('startNode')[0]?.gathering });
    await stage.allFree();
    await stage.record('run-refused', 'story');
    await stage.record('cell-stops-before-seal', (await run.cells())[0] ?? '');
  });
});

describe('a slow host', () => {
  it('is waited for when it answers in time', async () => {
    await stage.hosts({ a: {}, b: { readyAfterMs: 300 } });
    expect((await (await stage.run({ nodes: 2 })).outcome()).status).toBe('succeeded');
  });
});
