import { describe, expect, it } from 'vitest';
import { rescale } from '../../spec/messages.js';
import type { RunStatus } from '../../spec/nodes.js';
import { until } from '../helpers/until.js';
import type { StoryRun } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage();
const isRunning = ({ phase }: RunStatus) => phase === 'running';
const ask = (run: StoryRun, nodes: number) => run.handle.executeUpdate(rescale, { args: [{ nodes }] });
const settled =
  (...states: string[]) =>
  ({ resizes }: RunStatus) =>
    JSON.stringify(resizes.map(({ state }) => state)) === JSON.stringify(states);
const still = { exitCode: null };
const live = { on_resize: 'file', host_timeout: '1d' };

describe('a live rescale', () => {
  it('to more nodes leaves those that run as they are, and has all take over the new list', async () => {
    const [a, b, c] = await stage.hosts({ a: still, b: still, c: still });
    const run = await stage.run({ nodes: 2, ...live });
    await run.untilStatus(isRunning);
    await ask(run, 3);
    const { nodes, generation, restarts, resizes } = await run.untilStatus(settled('done'));
    expect([generation, restarts, resizes[0]?.message]).toEqual([2, 0, '3 nodes in generation 2']);
    expect(nodes.map(({ host, rank, startNumber, state }) => [host, rank, startNumber, state])).toEqual([
      ['a', 0, 1, 'running'],
      ['b', 1, 1, 'running'],
      ['c', 2, 1, 'running'],
    ]);
    for (const host of [a, b]) expect(host?.calls).toEqual(['startNode', 'runNode', 'updateNode']);
    expect(c?.calls).toEqual(['startNode', 'runNode']);
    expect(c?.asked('runNode')[0]).toMatchObject({ generation: 2, startReason: 'rescale', nodes: 3 });
    await stage.record('run-grows-live', 'story');
    const [cell = ''] = await run.cells();
    for (const host of [a, b, c]) host?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.record('cell-changes', cell);
    await stage.allFree();
  });

  it('to fewer nodes ends those that leave and gives their hosts back while the others run on', async () => {
    const [a, b, c] = await stage.hosts({ a: still, b: still, c: still });
    const run = await stage.run({ nodes: 3, ...live });
    await run.untilStatus(isRunning);
    await ask(run, 1);
    const { nodes, generation } = await run.untilStatus(settled('done'));
    expect([nodes.map(({ host }) => host), generation]).toEqual([['a'], 2]);
    await until(() => [a, b, c].map((host) => host?.running()), [1, 0, 0]);
    const next = await stage.run({ nodes: 2 }, 'next');
    await next.untilStatus(isRunning);
    expect(a?.calls).toEqual(['startNode', 'runNode', 'updateNode']);
    await next.stop('now');
    a?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('is not doubted because a cell has nobody who stays, and cells that are over are not waited for', async () => {
    const [a, b] = await stage.hosts({ a: { ...still, updatesAfterMs: 1_500 }, b: still, c: still });
    const run = await stage.run({ nodes: 2, ...live });
    await run.untilStatus(isRunning);
    await ask(run, 3);
    await run.untilStatus(settled('done'));
    await ask(run, 2);
    await run.untilStatus(settled('done', 'done'), 40_000);
    for (const host of [a, b]) expect(host?.asked('updateNode').map(({ generation }) => generation)).toEqual([2, 3]);
    const [, second = ''] = await run.cells();
    await until(async () => (await stage.env.client.workflow.getHandle(second).describe()).status.name, 'COMPLETED');
    Object.assign(a?.settings ?? {}, { failUpdate: { type: 'BarrierBroken', message: 'host a is busy' } });
    await ask(run, 1);
    await run.untilStatus(settled('done', 'done', 'refused'), 40_000);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });

  it('is refused with the reason when a node does not take the list over, and nothing has changed', async () => {
    const failure = { type: 'BarrierBroken' as const, message: 'host b was busy' };
    const [a, , c] = await stage.hosts({ a: still, b: { ...still, failUpdate: failure }, c: still });
    const run = await stage.run({ nodes: 2, ...live });
    await run.untilStatus(isRunning);
    await ask(run, 3);
    const { resizes, nodes, generation } = await run.untilStatus(settled('refused'), 40_000);
    expect([resizes[0]?.message, nodes.length, generation]).toEqual(['host b was busy', 2, 1]);
    expect(c?.running()).toBe(0);
    expect(a?.running()).toBe(1);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });

  it('that came to nothing, and that some may have taken over, is followed by the list as it is under a newer generation', async () => {
    const [a, b] = await stage.hosts({ a: still, b: { ...still, failUpdate: { type: 'HostLost', message: 'Host b was silent' } }, c: still });
    const run = await stage.run({ nodes: 2, ...live });
    await run.untilStatus(isRunning);
    await ask(run, 3);
    await until(() => b?.asked('updateNode').length, 1);
    delete b?.settings.failUpdate;
    const { generation, nodes } = await run.untilStatus(settled('done'), 40_000);
    expect([generation, nodes.length]).toEqual([4, 3]);
    expect(a?.asked('updateNode').map((input) => [input.generation, input.nodes])).toEqual([
      [2, 3],
      [3, 2],
      [4, 3],
    ]);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });

  it('is done while another node starts again alone, which gets the newest list', async () => {
    const [a, b] = await stage.hosts({ a: still, b: { exitCode: null, readyAfterMs: 300 }, c: still });
    const run = await stage.run({ nodes: 2, ...live, restart: { scope: 'node' } });
    await run.untilStatus(isRunning);
    b?.exit(7);
    await until(() => b?.asked('startNode').length, 2);
    await ask(run, 3);
    await run.untilStatus(settled('done'), 40_000);
    const { nodes } = await run.untilStatus(({ nodes: seen }) => seen.every(({ state }) => state === 'running'));
    expect(nodes.map(({ startNumber }) => startNumber)).toEqual([1, 2, 1]);
    await until(
      () => Math.max(...(b?.asked('runNode').map(({ generation }) => generation) ?? []), ...(b?.asked('updateNode').map(({ generation }) => generation) ?? [])),
      2,
    );
    expect(a?.running()).toBe(1);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });
});
