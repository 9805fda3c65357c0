import { describe, expect, it } from 'vitest';
import { drain, hostDrained, hostResumed, hostsGranted, rescale } from '../../spec/messages.js';
import type { RunStatus } from '../../spec/nodes.js';
import type { ResizeWish } from '../../spec/resize.js';
import { until } from '../helpers/until.js';
import { fleetHandle, hostsOf, type StoryRun, statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage('real');
const isRunning = ({ phase }: RunStatus) => phase === 'running';
const ask = (run: StoryRun, wish: ResizeWish) => run.handle.executeUpdate(rescale, { args: [wish] });
/** What does not reach a silent peer either: then a late word of that, as on a busy machine, is no outage. */
const still = { exitCode: null, sawPeer: { kind: 'unreachable', message: 'refused' } } as const;
const namesOf = ({ nodes }: RunStatus) => nodes.map(({ host }) => host);
const has =
  (...hosts: string[]) =>
  (status: RunStatus) =>
    isRunning(status) && JSON.stringify(namesOf(status)) === JSON.stringify(hosts);
const LIVE = { on_resize: 'file', host_timeout: '5s' };

const untilHost = (host: string, state: string) => until(async () => (await statesOf(stage.env))[host], state);

/** An elastic run that has one host and holds another, to grow by when more have had time to come. */
async function startHolding(first: string, holds: string): Promise<StoryRun> {
  await stage.hosts({ [first]: still });
  const run = await stage.run({ nodes: '1..3', settle: '10m', on_resize: 'file' });
  await run.untilStatus(has(first));
  await stage.hosts({ [holds]: still });
  await untilHost(holds, 'held');
  return run;
}

describe('an elastic run', () => {
  it('starts with as many hosts as are free, up to its maximum', async () => {
    await stage.hosts({ a: still, b: still, c: still, d: still });
    const run = await stage.run({ nodes: '2..3', settle: 0 });
    expect(namesOf(await run.untilStatus(isRunning))).toEqual(['a', 'b', 'c']);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });

  it.each(['restart', 'file'])('starts with its minimum after a last call, and grows by a host that joins, under on_resize: %s', async (how) => {
    const [a] = await stage.hosts({ a: still, b: still });
    const run = await stage.run({ nodes: '2..3', settle: 0, on_resize: how });
    expect(namesOf(await run.untilStatus(isRunning))).toEqual(['a', 'b']);
    await stage.hosts({ c: still });
    const { generation, restarts, nodesWanted } = await run.untilStatus(has('a', 'b', 'c'));
    expect([generation, restarts, nodesWanted]).toEqual([2, 0, 3]);
    expect(a?.asked('runNode')).toHaveLength(how === 'restart' ? 2 : 1);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });

  it('is not grown beyond what somebody wished for, within its range', async () => {
    await stage.hosts({ a: still, b: still, c: still });
    const run = await stage.run({ nodes: '1..3', settle: 0, on_resize: 'file' });
    await run.untilStatus(has('a', 'b', 'c'));
    await ask(run, { nodes: 2 });
    await run.untilStatus(has('a', 'b'));
    await stage.hosts({ d: still });
    await expect(ask(run, { nodes: 4 })).rejects.toMatchObject({ cause: { message: expect.stringContaining('the task says `nodes: 1..3`') } });
    await ask(run, { nodes: 3 });
    await run.untilStatus(({ nodes }) => nodes.length === 3);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });

  it('is not grown beyond its maximum by a host that joins while it grows', async () => {
    await stage.hosts({ a: still });
    const run = await stage.run({ nodes: '1..2', settle: 0, on_resize: 'file' });
    await run.untilStatus(has('a'));
    const [b] = await stage.hosts({ b: { ...still, readyAfterMs: 2_000 } });
    await until(() => b?.calls, ['startNode']);
    await stage.hosts({ c: still });
    expect((await run.status()).nodes.length).toBe(1);
    const other = await stage.run({ nodes: 1 }, 'other');
    await other.untilStatus(has('c'));
    await run.untilStatus(has('a', 'b'));
    for (const each of [run, other]) await each.stop('now');
    for (const each of [run, other]) await each.outcome();
    await stage.allFree();
    await stage.record('run-elastic-grows', 'story');
  });

  it('gives back what it holds to grow by when somebody wishes for less', async () => {
    const run = await startHolding('a', 'b');
    await ask(run, { nodes: 1 });
    const other = await stage.run({ nodes: 1 }, 'other');
    await other.untilStatus(has('b'));
    for (const each of [run, other]) await each.stop('now');
    for (const each of [run, other]) await each.outcome();
    await stage.allFree();
    await stage.record('run-elastic-gives-back', 'story');
  });

  it('gives back what it holds to grow by when that is drained', async () => {
    const run = await startHolding('a', 'b');
    await fleetHandle(stage.env).executeUpdate(drain, { args: [{ host: 'b', drained: true }] });
    await untilHost('b', 'drained');
    expect((await run.status()).generation).toBe(1);
    await run.stop('now');
    await run.outcome();
  });

  it('has what it holds to grow by take the place of a host that it cannot do without', async () => {
    const [, b] = await stage.hosts({ a: still, b: still });
    const run = await stage.run({ nodes: '2..4', settle: '10m', host_timeout: '5s', on_resize: 'restart' });
    await run.untilStatus(has('a', 'b'));
    await stage.hosts({ c: still });
    await untilHost('c', 'held');
    await b?.fallSilent();
    expect((await run.untilStatus(has('a', 'c'), 40_000)).losses).toBe(1);
    await run.stop('now');
    await run.outcome();
  });

  it('has no more nodes than somebody wished for while it waited for its hosts', async () => {
    const run = await stage.run({ nodes: '2..3', settle: 0, on_resize: 'file', queue_timeout: '10m' });
    expect((await run.untilStatus(({ nodesWanted }) => nodesWanted > 0)).nodesRange).toEqual({ min: 2, max: 3 });
    await ask(run, { nodes: 2 });
    await stage.hosts({ a: still, b: still, c: still });
    expect((await run.untilStatus(({ nodes }) => nodes.length === 2)).nodesRange).toEqual({ min: 2, max: 2 });
    const other = await stage.run({ nodes: 1 }, 'other');
    await other.untilStatus(isRunning);
    expect((await run.status()).nodes.length).toBe(2);
    for (const each of [run, other]) await each.stop('now');
    for (const each of [run, other]) await each.outcome();
    await stage.allFree();
  });

  it('may grow as before when a wish was refused', async () => {
    await stage.hosts({ a: still });
    const run = await stage.run({ nodes: '1..3', settle: 0, on_resize: 'file', queue_timeout: '2s' });
    await run.untilStatus(has('a'));
    await ask(run, { nodes: 2 });
    const { nodesRange } = await run.untilStatus(({ resizes }) => resizes[0]?.state === 'refused');
    expect(nodesRange).toEqual({ min: 1, max: 3 });
    await run.stop('now');
    await run.outcome();
  });

  it('leaves a host alone that it could not grow by', async () => {
    await stage.hosts({ a: still });
    const run = await stage.run({ nodes: '1..2', settle: 0, on_resize: 'file' });
    await run.untilStatus(has('a'));
    const [b] = await stage.hosts({ b: { ...still, failStart: { type: 'CommandNotFound', message: 'Host b has no zsh' } } });
    await until(() => b?.calls.slice(0, 2), ['startNode', 'stopNode']);
    await untilHost('b', 'free');
    expect(b?.asked('startNode')).toHaveLength(1);
    await run.stop('now');
    await run.outcome();
  });

  it.each(['restart', 'file'])('goes on without a host that was lost, and takes it again when it is back, under on_resize: %s', async (how) => {
    const [a, b] = await stage.hosts({ a: still, b: still });
    const run = await stage.run({ nodes: '1..2', settle: 0, ...LIVE, on_resize: how });
    await run.untilStatus(has('a', 'b'));
    await b?.fallSilent();
    const { losses, generation } = await run.untilStatus(has('a'), 40_000);
    expect([losses, generation]).toEqual([1, 2]);
    expect(a?.asked('runNode')).toHaveLength(how === 'restart' ? 2 : 1);
    await b?.serve();
    await b?.announce();
    await run.untilStatus(has('a', 'b'), 30_000);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });
});

describe('a live run that loses a host', () => {
  it('goes on with the others at once, and has another take its place, at the charge of one loss', async () => {
    const [a, b] = await stage.hosts({ a: still, b: still });
    const run = await stage.run({ nodes: 2, ...LIVE, on_host_loss: 'replace' });
    await run.untilStatus(has('a', 'b'));
    await a?.fallSilent();
    await run.untilStatus(has('b'), 40_000);
    await stage.hosts({ c: still });
    const { losses, generation, nodesWanted } = await run.untilStatus(has('b', 'c'));
    expect([losses, generation, nodesWanted]).toEqual([1, 3, 2]);
    expect(b?.asked('runNode')).toHaveLength(1);
    await run.stop('now');
    await run.outcome();
  });

  it('has a spare take its place in one generation', async () => {
    const [, b, c] = await stage.hosts({ a: still, b: still, c: still });
    const run = await stage.run({ nodes: 2, ...LIVE, on_host_loss: 'replace', spares: 1 });
    await run.untilStatus(has('a', 'b'));
    await until(() => c?.calls, ['startNode']);
    await b?.fallSilent();
    const { losses, generation } = await run.untilStatus(has('a', 'c'), 40_000);
    expect([losses, generation]).toEqual([1, 2]);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });
});

it('a spare takes the place of a lost host also where all start again, and spares are given back at the end', async () => {
  const [, b, c] = await stage.hosts({ a: still, b: still, c: still, d: still });
  const run = await stage.run({ nodes: 2, host_timeout: '5s', on_host_loss: 'replace', spares: 2 });
  await run.untilStatus(has('a', 'b'));
  await until(() => c?.calls, ['startNode']);
  await b?.fallSilent();
  await run.untilStatus(has('a', 'c'), 40_000);
  expect(c?.asked('runNode')[0]?.startReason).toBe('replaced');
  await run.stop('now');
  await run.outcome();
  await stage.allFree();
});

it.each(['restart', 'file'])('a drained host is left for another under on_resize: %s', async (how) => {
  const [a] = await stage.hosts({ a: still, b: still });
  const run = await stage.run({ nodes: 1, on_resize: how, on_host_loss: 'replace' });
  await run.untilStatus(has('a'));
  await fleetHandle(stage.env).executeUpdate(drain, { args: [{ host: 'a', drained: true }] });
  const { restarts, losses } = await run.untilStatus(has('b'), 20_000);
  expect([restarts, losses]).toEqual([0, 0]);
  await until(() => a?.running(), 0);
  await run.stop('now');
  await run.outcome();
  await stage.allFree();
});

it.each(['restart', 'file'])('groups are resized on their own under on_resize: %s', async (how) => {
  await stage.hosts({ a: still, b: still, c: still, d: still });
  const groups = [
    { name: 'head', commands: ['head'] },
    { name: 'workers', nodes: 1, commands: ['work'] },
  ];
  const run = await stage.run({ groups, on_resize: how });
  await run.untilStatus(has('a', 'b'));
  await ask(run, { groups: { workers: 3 } });
  const { nodes } = await run.untilStatus(has('a', 'b', 'c', 'd'), 20_000);
  expect(nodes.map(({ group }) => group)).toEqual(['head', 'workers', 'workers', 'workers']);
  await stage.hosts({ e: still });
  await ask(run, { groups: { workers: 1, head: 2 } });
  await run.untilStatus(({ nodes: seen, resizes }) => seen.length === 3 && resizes.at(-1)?.state === 'done', 20_000);
  await run.stop('now');
  await run.outcome();
  await stage.allFree();
});

it('a grant that comes when its wish was withdrawn is nobody’s: the run does not claim its hosts', async () => {
  await stage.hosts({ a: still, b: still, c: still, d: still });
  const run = await stage.run({ nodes: 2, ...LIVE });
  await run.untilStatus(isRunning);
  await run.handle.signal(hostsGranted, { request: 'withdrawn', hosts: [{ host: 'd', identity: 'd', group: 0 }] });
  await ask(run, { nodes: 3 });
  await run.untilStatus(({ nodes }) => nodes.length === 3);
  expect((await hostsOf(stage.env)).filter(({ lease }) => lease !== null).map(({ host }) => host)).toEqual(['a', 'b', 'c']);
  await run.stop('now');
  await run.outcome();
  await stage.allFree();
});

it.each(['restart', 'file'])('a host that is in use again before the run could leave it changes nothing, under on_resize: %s', async (how) => {
  const [a] = await stage.hosts({ a: still });
  const run = await stage.run({ nodes: 1, ...LIVE, on_resize: how, on_host_loss: 'replace' });
  await run.untilStatus(isRunning);
  const { runId } = await run.handle.describe();
  for (let times = 0; times < 10; times++) {
    await Promise.all([run.handle.signal(hostDrained, { host: 'a' }), run.handle.signal(hostResumed, { host: 'a' })]);
  }
  await run.untilStatus(has('a'));
  expect((await run.handle.describe()).runId).toBe(runId);
  expect(a?.asked('runNode')).toHaveLength(1);
  await run.stop('now');
  await run.outcome();
  await stage.allFree();
});
