import { WorkflowUpdateFailedError } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { rescale, rescaleWanted } from '../../spec/messages.js';
import type { RunStatus } from '../../spec/nodes.js';
import { until } from '../helpers/until.js';
import { type StoryRun, statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage();
const isRunning = ({ phase }: RunStatus) => phase === 'running';
const ask = (run: StoryRun, nodes: number) => run.handle.executeUpdate(rescale, { args: [{ nodes }] });
const refusal = async (asked: Promise<unknown>) => {
  const error = await asked.then(
    () => expect.fail('it was not refused'),
    (thrown: unknown) => thrown,
  );
  return error instanceof WorkflowUpdateFailedError ? error.cause?.message : error;
};
const settled =
  (...states: string[]) =>
  ({ resizes }: RunStatus) =>
    JSON.stringify(resizes.map(({ state }) => state)) === JSON.stringify(states);
const still = { exitCode: null };

describe('a rescale', () => {
  it('to more nodes stops all and starts all with the new list, each rank where it was', async () => {
    const [, b] = await stage.hosts({ c: { address: '10.0.0.3', ...still }, b: { address: '10.0.0.2', ...still }, d: { address: '10.0.0.1', ...still } });
    const run = await stage.run({ nodes: 2, hosts: null });
    const before = (await run.untilStatus(isRunning)).nodes.map(({ host, rank }) => [host, rank]);
    expect(before).toEqual([
      ['b', 0],
      ['c', 1],
    ]);
    expect(await ask(run, 3)).toMatchObject({ message: 'story is to have 3 nodes' });
    const seen = await run.untilStatus(settled('done'));
    expect(seen).toMatchObject({ phase: 'running', generation: 2, nodesWanted: 3, restarts: 0, resizes: [{ nodes: 3, message: '3 nodes in generation 2' }] });
    expect(seen.nodes.map(({ host, rank, startNumber }) => [host, rank, startNumber])).toEqual([
      ['b', 0, 2],
      ['c', 1, 2],
      ['d', 2, 1],
    ]);
    expect(b?.calls).toEqual(['startNode', 'runNode', 'stopNode', 'startNode', 'runNode']);
    expect(b?.asked('runNode').map(({ startReason, nodes }) => [startReason, nodes])).toEqual([
      ['first', 2],
      ['rescale', 3],
    ]);
    await stage.record('run-grows', 'story');
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });

  it('to fewer nodes takes the tail away and gives its hosts back', async () => {
    const hosts = await stage.hosts({ a: still, b: still, c: still });
    const run = await stage.run({ nodes: 3 });
    await run.untilStatus(isRunning);
    await ask(run, 1);
    const { nodes, generation } = await run.untilStatus(settled('done'));
    expect([nodes.map(({ host }) => host), generation]).toEqual([['a'], 2]);
    expect(hosts.map((host) => host.running())).toEqual([1, 0, 0]);
    expect(await statesOf(stage.env)).toEqual({ a: 'held', b: 'free', c: 'free' });
    await stage.record('run-shrinks', 'story');
    hosts[0]?.exit(0);
    expect((await run.outcome()).message).toBe('The node exited with code 0');
    await stage.allFree();
  });

  it('leaves the gang as it is, and refuses, when a newcomer cannot be gathered', async () => {
    const [a, b, c] = await stage.hosts({ a: still, b: {}, c: { failStart: { type: 'CommandNotFound', message: 'Host c has no zsh' } } });
    const run = await stage.run({ nodes: 1, hosts: null });
    await run.untilStatus(isRunning);
    await ask(run, 3);
    const { resizes, phase, generation, nodesWanted } = await run.untilStatus(settled('refused'));
    expect([resizes[0]?.message, phase, generation, nodesWanted]).toEqual(['Host c has no zsh', 'running', 1, 1]);
    expect(a?.calls).toEqual(['startNode', 'runNode']);
    await until(() => statesOf(stage.env), { a: 'held', b: 'free', c: 'free' });
    expect(b?.calls.slice(0, 2)).toEqual(['startNode', 'stopNode']);
    expect(c?.asked('runNode')).toEqual([]);
    await stage.record('run-refuses-growth', 'story');
    a?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('is refused when hosts stay short for queue_timeout, and the gang runs on', async () => {
    const [a] = await stage.hosts({ a: still });
    const run = await stage.run({ nodes: 1, queue_timeout: '10m', host_timeout: '1d' });
    await run.untilStatus(isRunning);
    await ask(run, 2);
    await run.untilStatus(({ resizes }) => resizes[0]?.message === 'waiting for 1 more host');
    await stage.env.skip(601_000, 1);
    const { resizes } = await run.untilStatus(settled('refused'));
    expect(resizes[0]?.message).toBe('after 600 s in the queue the run still needs 1 host; the fleet default has 1 (0 free, 1 in use, 0 silent)');
    a?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('takes the place of one that waits, and the hosts asked for that are free again', async () => {
    const [, b] = await stage.hosts({ a: still, b: still });
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(isRunning);
    await ask(run, 5);
    await run.untilStatus(({ resizes }) => resizes[0]?.message === 'waiting for 4 more hosts');
    await ask(run, 2);
    const { nodes, generation, resizes } = await run.untilStatus(settled('superseded', 'done'));
    expect([nodes.length, generation, resizes[0]?.message]).toEqual([2, 2, 'superseded by 2 nodes']);
    expect(b?.running()).toBe(1);
    await stage.hosts({ c: {}, d: {}, e: {} });
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
    expect(await statesOf(stage.env)).toEqual({ a: 'free', b: 'free', c: 'free', d: 'free', e: 'free' });
  });

  it('waits for the release when it is asked for earlier, even before there are hosts', async () => {
    const run = await stage.run({ nodes: 1 });
    await ask(run, 2);
    await stage.hosts({ a: still, b: still });
    const { generation, nodes } = await run.untilStatus(settled('done'));
    expect([generation, nodes.length]).toEqual([2, 2]);
    await run.stop('now');
    await run.outcome();
  });

  it('does nothing when the run has as many nodes already', async () => {
    const [a] = await stage.hosts({ a: still });
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(isRunning);
    await ask(run, 1);
    expect((await run.untilStatus(settled('done'))).resizes[0]?.message).toBe('it has 1 node already');
    expect(a?.calls).toEqual(['startNode', 'runNode']);
    await run.stop('now');
    await run.outcome();
  });

  it('is done for a signal too, which also notes what cannot be', async () => {
    await stage.hosts({ a: still, b: still });
    const run = await stage.run({ nodes: 1, hosts: null });
    await run.handle.signal('rescaleWanted', 'nonsense');
    await run.handle.signal(rescaleWanted, { nodes: 2 });
    const { generation, nodes, resizes } = await run.untilStatus(settled('refused', 'done'));
    expect([generation, nodes.length]).toEqual([2, 2]);
    expect(resizes).toMatchObject([{ nodes: 1, message: 'nodes: expected a whole number such as `3`, got nothing' }, { nodes: 2 }]);
    expect(new Set(resizes.map(({ id }) => id)).size).toBe(2);
    await run.stop('now');
    await run.outcome();
  });

  it('comes to nothing when the gang ends while it waits', async () => {
    const [a] = await stage.hosts({ a: still });
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(isRunning);
    await ask(run, 2);
    await run.untilStatus(({ resizes }) => resizes[0]?.message === 'waiting for 1 more host');
    a?.exit(0);
    const { status, final } = await run.outcome();
    expect([status, final.resizes]).toMatchObject(['succeeded', [{ state: 'refused', message: 'the run ended first' }]]);
    await stage.hosts({ b: {} });
    expect(await statesOf(stage.env)).toEqual({ a: 'free', b: 'free' });
  });

  it('ends in a stop when the run is stopped while its nodes are being stopped for it', async () => {
    const [a] = await stage.hosts({ a: { ...still, ignoresStopSignal: true }, b: still });
    const run = await stage.run({ nodes: 2, stop_duration: '1h' });
    await run.untilStatus(isRunning);
    await ask(run, 1);
    await run.untilStatus(({ phase }) => phase === 'resizing');
    await until(() => a?.calls.includes('stopNode'), true);
    await run.stop('now');
    const { reason } = await run.outcome();
    expect([reason, a?.asked('startNode').length]).toEqual(['Stopped', 1]);
    await stage.allFree();
  });

  it.each([
    [0, 'nodes: expected at least 1, got 0; `muster stop` ends a run'],
    [2.5, 'nodes: expected a whole number such as `3`, got 2.5'],
    [3_000, 'nodes: expected at most 2000, got 3000'],
    [3, 'the task names 2 hosts, so it cannot have 3 nodes'],
  ])('to %d is refused with the reason', async (nodes, why) => {
    await stage.hosts({ a: still, b: still });
    const run = await stage.run({ hosts: ['a', 'b'] });
    await run.untilStatus(isRunning);
    expect(await refusal(ask(run, nodes))).toBe(`story cannot be rescaled: ${why}`);
    await run.stop('now');
    await run.outcome();
  });
});
