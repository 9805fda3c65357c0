import { describe, expect, it } from 'vitest';
import { until } from '../helpers/until.js';
import { statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage();

describe('a stop', () => {
  it('ends every program with the signal and its grace when it is graceful', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2, stop_signal: 'SIGINT', stop_duration: '7s' });
    await run.untilStatus(({ phase }) => phase === 'running');
    expect(await run.stop('graceful')).toEqual({ accepted: true, message: 'story is being stopped' });
    const { status, reason, message, final } = await run.outcome();
    expect([status, reason, message]).toEqual(['failed', 'Stopped', 'The run was stopped']);
    expect(final.phase).toBe('cancelled');
    expect(final.nodes.map(({ state, exitCode }) => [state, exitCode])).toEqual([
      ['stopped', 143],
      ['stopped', 143],
    ]);
    for (const host of [a, b]) expect(host?.asked('stopNode')).toEqual([expect.objectContaining({ stopSignal: 'SIGINT', graceSeconds: 7 })]);
    await stage.allFree();
    await stage.record('run-stopped', 'story');
  });

  it('kills at once when it says now', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null, ignoresStopSignal: true } });
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(({ phase }) => phase === 'running');
    await run.stop('now');
    expect((await run.outcome()).final.nodes[0]).toMatchObject({ state: 'stopped', exitCode: 137 });
    expect(a?.asked('stopNode').map(({ graceSeconds }) => graceSeconds)).toEqual([0]);
    await stage.allFree();
  });

  it('is hurried by a second one when that says now', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null, ignoresStopSignal: true } });
    const run = await stage.run({ nodes: 1, stop_duration: '1h' });
    await run.untilStatus(({ phase }) => phase === 'running');
    await run.stop('graceful');
    await until(() => a?.asked('stopNode').length, 1);
    await run.stop('now');
    expect((await run.outcome()).final.nodes[0]?.exitCode).toBe(137);
    expect(a?.asked('stopNode').map(({ graceSeconds }) => graceSeconds)).toEqual([3600, 0]);
    await stage.allFree();
    await stage.record('run-stop-hurried', 'story');
  });

  it('hurries a run that ends by itself when it says now', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null, ignoresStopSignal: true }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2, stop_duration: '1h' });
    await run.untilStatus(({ phase }) => phase === 'running');
    b?.exit(3);
    await until(() => a?.asked('stopNode').length, 1);
    await run.stop('now');
    expect((await run.outcome()).reason).toBe('CommandFailed');
    expect(a?.running()).toBe(0);
    await stage.allFree();
  });

  it('waits for nobody when a node is just being started again, alone', async () => {
    const [, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: [7, null], readyAfterMs: 300, stopsAfterMs: 600 } });
    const run = await stage.run({ nodes: 2, restart: { scope: 'node' } });
    await until(() => b?.asked('startNode').length, 2);
    await run.stop('graceful');
    const { reason, final } = await run.outcome();
    expect(reason).toBe('Stopped');
    expect(final.nodes.map(({ state }) => state)).toEqual(['stopped', 'stopped']);
    expect((final.endedAtMs ?? Number.POSITIVE_INFINITY) - final.submittedAtMs).toBeLessThan(30_000);
    await stage.allFree();
  });

  it('leaves the queue of the fleet when the run waits for hosts', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const holder = await stage.run({ nodes: 1 }, 'holder');
    await holder.untilStatus(({ phase }) => phase === 'running');
    const waiting = await stage.run({ nodes: 1 }, 'waiting');
    await waiting.untilStatus(({ reason }) => reason === 'WaitingForHosts');
    await waiting.stop('graceful');
    expect((await waiting.outcome()).reason).toBe('Stopped');
    a?.exit(0);
    await holder.outcome();
    await until(() => statesOf(stage.env), { a: 'free' });
    expect(a?.asked('stopNode')).toEqual([]);
  });

  it('ends the gather when hosts are being gathered', async () => {
    const [a, b] = await stage.hosts({ a: {}, b: { readyAfterMs: 300 } });
    const run = await stage.run({ nodes: 2 });
    await until(() => b?.calls, ['startNode']);
    await run.stop('graceful');
    expect((await run.outcome()).reason).toBe('Stopped');
    for (const host of [a, b]) expect(host?.calls).not.toContain('runNode');
    await stage.allFree();
  });
});

describe('a cancellation', () => {
  it('stops all nodes and gives the hosts back when nodes run', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2 });
    await run.untilStatus(({ phase }) => phase === 'running');
    await run.handle.cancel();
    const { status, reason, message } = await run.outcome();
    expect([status, reason, message]).toEqual(['cancelled', 'Cancelled', 'The workflow was cancelled']);
    expect([a?.running(), b?.running()]).toEqual([0, 0]);
    await stage.allFree();
    await stage.record('run-cancelled', 'story');
  });

  it('changes nothing when the run is being stopped already', async () => {
    await stage.hosts({ a: { exitCode: null, ignoresStopSignal: true } });
    const run = await stage.run({ nodes: 1, stop_duration: '1h' });
    await run.untilStatus(({ phase }) => phase === 'running');
    await run.stop('graceful');
    await run.handle.cancel();
    await run.stop('now');
    const { status, reason } = await run.outcome();
    expect([status, reason]).toEqual(['failed', 'Stopped']);
    await stage.allFree();
  });

  it('ends the run at once when it waits for hosts', async () => {
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(({ reason }) => reason === 'WaitingForHosts');
    await run.handle.cancel();
    expect((await run.outcome()).status).toBe('cancelled');
  });
});
