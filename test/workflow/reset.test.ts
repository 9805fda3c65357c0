import { describe, expect, it } from 'vitest';
import { fleetWorkflowId } from '../../spec/ids.js';
import { rescale } from '../../spec/messages.js';
import type { RunStatus } from '../../spec/nodes.js';
import { until } from '../helpers/until.js';
import { type StoryRun, statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage('real');

/** Resets the run `story` to the first workflow task that was completed after the first of these events. */
async function resetAfter(event: RegExp, why = 'a story'): Promise<void> {
  const { client, namespace } = stage.env;
  const { events } = await client.workflow.getHandle('story').fetchHistory();
  const named = (events ?? []).map((each) => ({ id: Number(each.eventId), text: JSON.stringify(each) }));
  const from = named.find(({ text }) => event.test(text))?.id ?? expect.fail(`no event is like ${event}`);
  const task = (events ?? []).find(({ eventId, workflowTaskCompletedEventAttributes: done }) => Number(eventId) > from && done);
  const { runId } = await client.workflow.getHandle('story').describe();
  await client.workflowService.resetWorkflowExecution({
    ...{ namespace, workflowExecution: { workflowId: 'story', runId }, reason: why, requestId: why },
    workflowTaskFinishEventId: task?.eventId ?? null,
  });
}

/** A run of one node that was cancelled as it ran. */
async function cancelledRun(): Promise<StoryRun> {
  const run = await stage.run({ nodes: 1 });
  await run.untilStatus(({ phase }) => phase === 'running');
  await run.handle.cancel();
  await run.outcome();
  return run;
}

describe('a run that was reset', () => {
  it('starts anew in a later generation when its former life has ended its nodes, at no charge', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: [null, 0] }, b: { exitCode: [null, 0] } });
    const run = await stage.run({ nodes: 2 });
    await run.untilStatus(({ phase }) => phase === 'running');
    // A stop would be heard again by the run as it is then; a cancellation is not.
    await run.handle.cancel();
    expect((await run.outcome()).reason).toBe('Cancelled');
    // The nodes have ended, their cell too, and the run as it stands has not even sealed its roster.
    await resetAfter(/childWorkflowExecutionStarted/i);
    const { status, final } = await run.outcome();
    expect([status, final.generation, final.restarts, final.nodes.map(({ startNumber }) => startNumber)]).toEqual(['succeeded', 2, 0, [2, 2]]);
    expect([a, b].map((host) => host?.running())).toEqual([0, 0]);
    await stage.allFree();
  });

  it('hears of nodes that ended as it was terminated, and starts anew', async () => {
    const [a] = await stage.hosts({ a: { exitCode: [null, 0] }, b: { exitCode: [null, 0] } });
    const run = await stage.run({ nodes: 2 });
    await run.untilStatus(({ phase }) => phase === 'running');
    await run.handle.terminate();
    // Whoever waits for the hosts has the fleet find out, and end what is left.
    const next = await stage.run({ nodes: 2 }, 'next');
    expect((await next.outcome()).status).toBe('succeeded');
    await stage.allFree();
    await resetAfter(/nodesReleased/);
    const { status, final } = await run.outcome();
    expect([status, final.generation, final.restarts, a?.running()]).toEqual(['succeeded', 2, 0, 0]);
    await stage.allFree();
  });

  it('takes nothing of a former life for a failure, and leaves nothing of it on hosts that it does not know', async () => {
    const [a, b, c] = await stage.hosts({ a: { exitCode: [null, null, null] }, b: { exitCode: null }, c: { exitCode: null } });
    const run = await stage.run({ nodes: 1, hosts: undefined });
    const { nodes } = await run.untilStatus(({ phase }) => phase === 'running');
    expect(nodes[0]?.host).toBe('a');
    await run.handle.executeUpdate(rescale, { args: [{ nodes: 3 }] });
    await run.untilStatus(({ phase, generation }) => phase === 'running' && generation === 2);
    await resetAfter(/nodesReleased/);
    const again = await run.untilStatus(({ phase, generation }) => phase === 'running' && generation === 3);
    expect([again.restarts, again.nodes.map(({ host }) => host)]).toEqual([0, ['a']]);
    a?.exit(0);
    const { status } = await run.outcome();
    expect(status).toBe('succeeded');
    await until(() => [b?.running(), c?.running()], [0, 0]);
    await stage.allFree();
  });

  it('leaves nothing on hosts that had joined it while its nodes ran on, which join it again by the wish that it hears again', async () => {
    const [a, b, c] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null }, c: { exitCode: null } });
    const run = await stage.run({ nodes: 1, on_resize: 'file' });
    await run.untilStatus(({ phase }) => phase === 'running');
    await run.handle.executeUpdate(rescale, { args: [{ nodes: 3 }] });
    await run.untilStatus(({ nodes }) => nodes.length === 3);
    await resetAfter(/nodesReleased/);
    const starts = ({ nodes }: RunStatus) => JSON.stringify(nodes.map(({ startNumber }) => startNumber));
    const { restarts } = await run.untilStatus((status) => starts(status) === '[1,2,2]', 30_000);
    expect(restarts).toBe(0);
    await until(() => [a, b, c].map((host) => host?.running()), [1, 1, 1]);
    for (const host of [a, b, c]) host?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('gets no host for a wish of its former life that still waits', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: [null, null] } });
    const other = await stage.run({ nodes: 1, hosts: ['b'] }, 'other');
    await other.untilStatus(({ phase }) => phase === 'running');
    const run = await stage.run({ nodes: 1, hosts: undefined });
    await run.untilStatus(({ phase }) => phase === 'running');
    await run.handle.executeUpdate(rescale, { args: [{ nodes: 2 }] });
    const isWaiting = ({ resizes }: RunStatus) => resizes.at(-1)?.message === 'waiting for 1 more host';
    await run.untilStatus(isWaiting);
    await resetAfter(/nodesReleased/);
    await run.untilStatus(isWaiting);
    const fleet = stage.env.client.workflow.getHandle(fleetWorkflowId('default'));
    // Its second life has said what it holds, and what it waits for.
    const said = async () => JSON.stringify((await fleet.fetchHistory()).events).match(/"hostsHeld"/g)?.length ?? 0;
    await until(said, (times) => times > 2, 20_000);
    b?.exit(0);
    expect((await other.outcome()).status).toBe('succeeded');
    const { nodes } = await run.untilStatus(({ phase, nodes: { length } }) => phase === 'running' && length === 2, 10_000);
    expect(nodes.map(({ host }) => host)).toEqual(['a', 'b']);
    for (const host of [a, b]) host?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('holds the hosts again that its former life has given back', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const run = await cancelledRun();
    await stage.allFree();
    await resetAfter(/hostsGranted/);
    await run.untilStatus(({ phase }) => phase === 'running');
    expect(await statesOf(stage.env)).toEqual({ a: 'held' });
    a?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('ends as it had when it had been cancelled by then', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const run = await cancelledRun();
    await stage.allFree();
    await resetAfter(/"stopDecided"/);
    const { status, reason } = await run.outcome();
    expect([status, reason, a?.running()]).toEqual(['cancelled', 'Cancelled', 0]);
    await stage.allFree();
  });

  it('is stopped when another has one of its hosts by now, which is not disturbed', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const run = await cancelledRun();
    const other = await stage.run({ nodes: 1 }, 'other');
    await other.untilStatus(({ phase }) => phase === 'running');
    await resetAfter(/hostsGranted/);
    const { status, final } = await run.outcome();
    expect([status, final.failures.map(({ type, host }) => [type, host])]).toEqual(['failed', [['HostLost', 'a']]]);
    expect([(await other.status()).phase, (await other.status()).generation]).toEqual(['running', 1]);
    a?.exit(0);
    expect((await other.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });
});

describe('a cell that is ended from outside', () => {
  it('is made up for also where the run is being stopped, so that nothing goes on', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2 });
    await run.untilStatus(({ phase }) => phase === 'running');
    const [cell = ''] = await run.cells();
    await Promise.all([stage.env.client.workflow.getHandle(cell).terminate(), run.handle.cancel()]);
    expect((await run.outcome()).reason).toBe('Cancelled');
    expect([a?.running(), b?.running()]).toEqual([0, 0]);
    await stage.allFree();
  });
});

describe('a host that has lost its data directory', () => {
  it('is not free before it was asked to end what it may still have of a run', async () => {
    const [a] = await stage.hosts({ a: { exitCode: [null, 0], stopIgnored: true } });
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(({ phase }) => phase === 'running');
    await run.handle.terminate();
    const next = await stage.run({ nodes: 1, queue_timeout: '10m' }, 'next');
    await until(() => statesOf(stage.env), { a: 'releasing' });
    if (a) a.identity = 'another';
    const asked = a?.asked('stopNode').length ?? 0;
    await a?.announce();
    await until(
      () => a?.asked('stopNode').length ?? 0,
      (count) => count > asked,
    );
    expect(a?.asked('startNode')).toHaveLength(1);
    if (a) a.settings.stopIgnored = false;
    expect((await next.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });
});
