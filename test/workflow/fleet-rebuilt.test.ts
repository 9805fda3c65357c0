import { describe, expect, it } from 'vitest';
import * as messages from '../../spec/messages.js';
import type { FakeHost } from '../helpers/fake-host.js';
import { until } from '../helpers/until.js';
import { fleetHandle, hostsOf, type StoryRun, statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage();
const isRunning = ({ phase }: { phase: string }) => phase === 'running';
const isWaiting = ({ reason }: { reason: string }) => reason === 'WaitingForHosts';
const leaseOf = async (id: string) => (await hostsOf(stage.env)).find(({ host }) => host === id)?.lease;
const signalsOf = async ({ handle }: StoryRun, name: string) => {
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes?.signalName === name).length;
};

/** Ends the fleet with nothing under way: the server would wait for it for ever. */
async function endFleet(): Promise<void> {
  const fleet = fleetHandle(stage.env);
  await until(async () => (await fleet.describe()).raw.pendingActivities?.length ?? 0, 0);
  await fleet.terminate();
}

/** A run on the host `a` that has failed twice and pauses: its host has nothing of it. */
async function pausedRun(): Promise<{ a: FakeHost; paused: StoryRun; runId: string }> {
  const [a] = await stage.hosts({ a: { exitCode: [7, 7, 0] } });
  const paused = await stage.run({ nodes: 1, restart: { attempts: 9, backoff: '60s..10m' }, stop_duration: '7s' }, 'paused');
  const { runId } = await paused.untilStatus(({ phase, generation }) => phase === 'restarting' && generation === 2);
  if (!a) throw new Error('no host');
  return { a, paused, runId };
}

describe('a rebuilt fleet', () => {
  it('grants nothing for 15 s', async () => {
    const [a] = await stage.hosts({ a: {} });
    await endFleet();
    await a?.announce({ rebuilt: true });
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(isWaiting);
    await stage.env.skip(16_000);
    expect((await run.outcome()).status).toBe('succeeded');
    const { events } = await fleetHandle(stage.env).fetchHistory();
    expect(events?.length).toBeLessThan(100);
    const grant = events?.find((event) => event.signalExternalWorkflowExecutionInitiatedEventAttributes?.signalName === messages.hostsGranted.name);
    const secondsOf = (event: typeof grant) => Number(event?.eventTime?.seconds ?? Number.NaN);
    expect(secondsOf(grant) - secondsOf(events?.[0])).toBeGreaterThanOrEqual(15);
    await stage.record('fleet-rebuilt', 'muster-fleet-default');
  });

  it('hears again of a wish that its predecessor forgot', async () => {
    const [a] = await stage.hosts({ a: {} });
    const run = await stage.run({ nodes: 2 });
    await run.untilStatus(isWaiting);
    await endFleet();
    await a?.announce({ rebuilt: true });
    await stage.hosts({ b: {} });
    // In steps: the server forgets a timeout that the clock jumps over. A wish that is not repeated ends as QueueTimeout here.
    await until(
      async () => {
        await stage.env.skip(4_000);
        return isWaiting(await run.status());
      },
      false,
      50_000,
    );
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
    await stage.record('run-repeats-its-wish', 'story');
  });

  it('grants a wish that was repeated only once', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 3, host_timeout: '1d', queue_timeout: '10m' });
    await run.untilStatus(isWaiting);
    await stage.env.skip(50_000);
    const [c] = await stage.hosts({ c: { exitCode: null } });
    await run.untilStatus(isRunning);
    await stage.hosts({ d: {}, e: {}, f: {} });
    expect((await hostsOf(stage.env)).map(({ lease }) => lease?.epoch ?? null)).toEqual([1, 1, 1, null, null, null]);
    for (const host of [a, b, c]) host?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('grants at once when its hosts are new to it', async () => {
    await stage.hosts({ a: {} });
    expect((await (await stage.run({ nodes: 1 })).outcome()).status).toBe('succeeded');
  });

  it('grants no host that a run holds until that run has ended', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const holder = await stage.run({ nodes: 1, host_timeout: '1d' }, 'holder');
    const { runId } = await holder.untilStatus(isRunning);
    await endFleet();
    await a?.announce({ rebuilt: true, runs: [{ runId, handle: 'holder' }] });
    const next = await stage.run({ nodes: 1 }, 'next');
    await next.untilStatus(isWaiting);
    await stage.env.skip(20_000, 1);
    expect((await hostsOf(stage.env))[0]?.lease).toMatchObject({ runId, state: 'held' });
    if (a) a.settings.exitCode = 0;
    a?.exit(0);
    expect((await next.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });
});

describe('a run that holds hosts without a start on them', () => {
  it('keeps them when the fleet is rebuilt', async () => {
    const { a, paused, runId } = await pausedRun();
    await endFleet();
    await a.announce({ rebuilt: true });
    const next = await stage.run({ nodes: 1, queue_timeout: '1h' }, 'next');
    await next.untilStatus(isWaiting);
    await stage.env.skip(20_000);
    expect(await leaseOf('a')).toMatchObject({ runId, handle: 'paused', state: 'held', stop: { signal: 'SIGTERM', seconds: 7 } });
    expect(isWaiting(await next.status())).toBe(true);
    await paused.stop('now');
    expect((await next.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('keeps them though no host says that there was a fleet before', async () => {
    const { a, paused, runId } = await pausedRun();
    const next = await stage.run({ nodes: 1, queue_timeout: '1h' }, 'next');
    await next.untilStatus(isWaiting);
    await endFleet();
    await a.announce();
    await until(async () => (await leaseOf('a'))?.runId, runId);
    await stage.env.skip(20_000);
    expect(isWaiting(await next.status())).toBe(true);
    await paused.stop('now');
    expect((await next.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('keeps a host that announces itself after the quiet time', async () => {
    const { a, paused, runId } = await pausedRun();
    const [b] = await stage.hosts({ b: {} });
    await endFleet();
    await b?.announce({ rebuilt: true });
    await stage.env.skip(20_000);
    const next = await stage.run({ nodes: 1, hosts: ['a'], queue_timeout: '1h' }, 'next');
    await next.untilStatus(isWaiting);
    await a.announce({ rebuilt: true });
    expect(await leaseOf('a')).toMatchObject({ runId, state: 'held' });
    expect(isWaiting(await next.status())).toBe(true);
    await paused.stop('now');
    expect((await next.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('keeps newcomers that are being gathered, and the host of a node that is done', async () => {
    const [a, b, c] = await stage.hosts({ a: { exitCode: [0, 0] }, b: { exitCode: [null, 0] }, c: { readyAfterMs: 2_000 } });
    const run = await stage.run({ nodes: 2 });
    const { runId } = await run.untilStatus(({ nodes }) => nodes.some(({ state }) => state === 'succeeded'));
    await run.handle.executeUpdate(messages.rescale, { args: [{ nodes: 3 }] });
    await until(() => c?.asked('startNode').length, 1);
    await endFleet();
    for (const host of [a, b, c]) await host?.announce({ rebuilt: true });
    await until(async () => (await hostsOf(stage.env)).map(({ lease }) => lease?.runId), [runId, runId, runId]);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('is stopped when the fleet has given the host to another', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const other = await stage.run({ nodes: 1, host_timeout: '1d' }, 'other');
    const { runId } = await other.untilStatus(isRunning);
    const late = await stage.run({ nodes: 1, host_timeout: '1d', queue_timeout: '1h' }, 'late');
    await late.untilStatus(isWaiting);
    // As a fleet would that is gone: this one knows nothing of the grant.
    await late.handle.signal(messages.hostsGranted, { request: await requestOf('late'), hosts: [{ host: 'a', identity: a?.identity ?? '', group: 0 }] });
    const { reason, final } = await late.outcome();
    expect(reason).toBe('Stopped');
    expect(final.failures).toMatchObject([{ type: 'HostLost', host: 'a', message: expect.stringContaining('holds a, and gave it to other') }]);
    expect(await leaseOf('a')).toMatchObject({ runId, state: 'held' });
    expect(isRunning(await other.status())).toBe(true);
    a?.exit(0);
    await other.outcome();
    await stage.allFree();
  });

  it('ends as it would when it is cancelled meanwhile', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null, ignoresStopSignal: true } });
    const run = await stage.run({ nodes: 1, stop_duration: '1s' });
    await run.untilStatus(isRunning);
    await run.handle.cancel();
    await run.untilStatus(({ phase }) => phase === 'stopping');
    await run.handle.signal(messages.fleetRebuilt, { fleet: 'default' });
    expect((await run.outcome()).status).toBe('cancelled');
    expect(a?.running()).toBe(0);
    await stage.allFree();
  });
});

describe('a fleet', () => {
  const run = { runId: 'claims', handle: 'claims' };
  const stop = { signal: 'SIGINT', seconds: 3 };
  const giveBack = (clean: string[]) => fleetHandle(stage.env).signal(messages.leaseReturned, { runId: run.runId, clean, unclean: [], silent: [], all: false });

  it('has a host cleaned of what it announces, whenever it does, before a run gets it', async () => {
    const [a, b] = await stage.hosts({ a: {}, b: {} });
    await endFleet();
    await a?.announce({ rebuilt: true });
    await stage.env.skip(20_000);
    await b?.announce({ rebuilt: true, runs: [{ runId: 'left', handle: 'left' }] });
    expect(await statesOf(stage.env)).toEqual({ a: 'free', b: 'held' });
    expect((await (await stage.run({ nodes: 1, hosts: ['b'] })).outcome()).status).toBe('succeeded');
    expect(b?.asked('stopNode')[0]?.run.runId).toBe('left');
    await stage.allFree();
  });

  it('frees a host that has nothing any more of what it alone had announced', async () => {
    const [a] = await stage.hosts({ a: {} });
    await endFleet();
    await a?.announce({ rebuilt: true, runs: [{ runId: 'left', handle: 'left' }] });
    expect(await statesOf(stage.env)).toEqual({ a: 'held' });
    await a?.announce({ runs: [] });
    expect(await statesOf(stage.env)).toEqual({ a: 'free' });
    await stage.allFree();
  });

  it('hears late that a run holds a free host', async () => {
    await stage.hosts({ a: {} });
    await fleetHandle(stage.env).signal(messages.hostsHeld, { answers: true, run, hosts: ['a', 'b'], stop });
    expect(await leaseOf('a')).toMatchObject({ ...run, state: 'held', stop });
    await giveBack(['b']);
    await stage.hosts({ b: {} });
    expect(await statesOf(stage.env)).toEqual({ a: 'held', b: 'free' });
    await giveBack(['a']);
    await stage.allFree();
  });

  it('takes the word of a run against one that was closed without a word', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const gone = await stage.run({ nodes: 1, host_timeout: '1d' }, 'gone');
    await gone.untilStatus(isRunning);
    await gone.handle.terminate();
    await fleetHandle(stage.env).signal(messages.hostsHeld, { answers: true, run, hosts: ['a'], stop });
    await until(async () => (await leaseOf('a'))?.runId, run.runId);
    a?.exit(0);
    await giveBack(['a']);
    await stage.allFree();
  });

  it('calls the runs again before the quiet time is over when it was rebuilt', async () => {
    const [a] = await stage.hosts({ a: {} });
    const waits = await stage.run({ nodes: 2, queue_timeout: '1h' });
    await waits.untilStatus(isWaiting);
    const before = await signalsOf(waits, 'fleetRebuilt');
    await endFleet();
    await a?.announce({ rebuilt: true });
    await until(() => signalsOf(waits, 'fleetRebuilt'), before + 1);
    await stage.env.skip(12_000);
    await until(() => signalsOf(waits, 'fleetRebuilt'), before + 2);
    await waits.stop('now');
    await waits.outcome();
  });
});

/** What the run asks the fleet for, by name. */
async function requestOf(handle: string): Promise<string> {
  const { events } = await fleetHandle(stage.env).fetchHistory();
  const wishes = (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) =>
    signal?.signalName === 'leaseRequested' ? [JSON.parse(Buffer.from(signal.input?.payloads?.[0]?.data ?? '').toString()) as messages.LeaseRequested] : [],
  );
  return wishes.find(({ run }) => run.handle === handle)?.request ?? '';
}
