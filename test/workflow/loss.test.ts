import { describe, expect, it } from 'vitest';
import type { NodeEnd } from '../../spec/nodes.js';
import { until } from '../helpers/until.js';
import { statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage('real');

describe('a lost heartbeat', () => {
  it('fails the run with HostLost when the host does not come back within host_timeout', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null, loseHeartbeatAfterMs: 50 } });
    const run = await stage.run({ nodes: 2, host_timeout: '5s' });
    const { reason, message, final } = await run.outcome();
    expect(reason).toBe('HostLost');
    expect(message).toBe('Node 1 on b failed in generation 1: Host b was silent for 5 s; the other node was stopped');
    expect(final.nodes.map(({ host, state }) => [host, state])).toEqual([
      ['a', 'stopped'],
      ['b', 'lost'],
    ]);
    expect(a?.running()).toBe(0);
    await until(() => statesOf(stage.env), { a: 'free', b: 'releasing' });
    await stage.record('run-host-lost', 'story');
    await stage.record('cell-host-lost', (await run.cells())[0] ?? '');
  });

  it('changes nothing when the host comes back within host_timeout and finds its program', async () => {
    const [, b] = await stage.hosts({ a: {}, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2, host_timeout: '10s' });
    await run.untilStatus(({ phase }) => phase === 'running');
    await b?.fallSilent();
    await b?.serve();
    await until(() => b?.asked('runNode').length, 2);
    b?.exit(0);
    const { status, final } = await run.outcome();
    expect([status, final.generation, final.nodes[1]?.startNumber]).toEqual(['succeeded', 1, 1]);
    await stage.allFree();
  });
});

describe('a host that is silent to Temporal', () => {
  it('is not lost as long as a peer reaches it', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null, sawPeer: 'reachable' }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2, host_timeout: '5s' });
    await run.untilStatus(({ phase }) => phase === 'running');
    await b?.fallSilent();
    await run.untilStatus(({ nodes }) => nodes[1]?.state === 'silent');
    await until(() => a?.asked('watchPeer').map(({ peer, silenceMs }) => [peer.host, silenceMs > 2_000]), [['b', true]]);
    const silentAtMs = performance.now();
    await until(
      () => performance.now() - silentAtMs,
      (passedMs) => passedMs > 6_000,
      10_000,
    );
    expect((await run.status()).nodes[1]?.state).toBe('silent');
    await b?.serve();
    await run.untilStatus(({ nodes }) => nodes[1]?.state === 'running');
    b?.exit(0);
    a?.exit(0);
    const { status, final } = await run.outcome();
    expect([status, final.generation, final.failures]).toEqual(['succeeded', 1, []]);
    await stage.allFree();
    await stage.record('cell-silent-and-heard', (await run.cells())[0] ?? '');
  });

  it('ends as a peer says that its node ended', async () => {
    const end: NodeEnd = {
      kind: 'exited',
      outOfMemory: false,
      stopped: false,
      code: 9,
      startNumber: 1,
      endedAtMs: 0,
      lastLines: 'told by a peer',
      clean: true,
    };
    await stage.hosts({ a: { exitCode: null, sawPeer: { kind: 'ended', end } }, b: { exitCode: null, loseHeartbeatAfterMs: 50 } });
    const run = await stage.run({ nodes: 2, host_timeout: '5s' });
    const { message, final } = await run.outcome();
    expect([message, final.lastLines]).toEqual(['Node 1 on b exited with code 9 in generation 1; the other node was stopped', 'told by a peer']);
  });

  it('is not lost when all nodes that still run fall silent together', async () => {
    const ended = { exitAfterMs: 500 };
    const [, , , d, e] = await stage.hosts({ a: ended, b: ended, c: ended, d: { exitCode: null }, e: { exitCode: null } });
    const run = await stage.run({ nodes: 5, host_timeout: '5s' });
    await run.untilStatus(({ nodes }) => nodes.filter(({ state }) => state === 'succeeded').length === 3);
    await Promise.all([d?.fallSilent(), e?.fallSilent()]);
    await run.untilStatus(({ nodes }) => nodes.filter(({ state }) => state === 'silent').length === 2);
    const silentAtMs = performance.now();
    await until(
      () => performance.now() - silentAtMs,
      (passedMs) => passedMs > 6_000,
      10_000,
    );
    await Promise.all([d?.serve(), e?.serve()]);
    await run.untilStatus(({ nodes }) => nodes.filter(({ state }) => state === 'running').length === 2);
    d?.exit(0);
    e?.exit(0);
    const { status, final } = await run.outcome();
    expect([status, final.generation, final.failures]).toEqual(['succeeded', 1, []]);
    await stage.allFree();
  });

  it('is lost after host_timeout when its peers do not reach it either', async () => {
    await stage.hosts({
      a: { exitCode: null, sawPeer: { kind: 'unreachable', message: 'refused' } },
      b: { exitCode: null, loseHeartbeatAfterMs: 50 },
    });
    const run = await stage.run({ nodes: 2, host_timeout: '5s' });
    const { reason, message } = await run.outcome();
    expect(reason).toBe('HostLost');
    expect(message).toBe('Node 1 on b failed in generation 1: Host b was silent for 5 s, and its peers do not reach it either; the other node was stopped');
  });
});

describe('an end from outside', () => {
  it('of a cell has another look after its nodes, which go on', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2 });
    await run.untilStatus(({ phase }) => phase === 'running');
    const [cell = ''] = await run.cells();
    await stage.env.client.workflow.getHandle(cell).terminate();
    await until(() => b?.asked('runNode').length, 2);
    a?.exit(0);
    b?.exit(0);
    const { status, final } = await run.outcome();
    expect([status, final.generation, final.nodes.map(({ startNumber }) => startNumber)]).toEqual(['succeeded', 1, [1, 1]]);
    expect([a?.asked('startNode').length, await run.cells()]).toEqual([1, [cell, expect.stringContaining('story.cell-1-1-')]]);
    await stage.allFree();
    await stage.record('run-cell-terminated', 'story');
    await stage.record('cell-adopts', (await run.cells())[1] ?? '');
  });

  it('of the run leaves no cell, and the hosts are released when another run waits', async () => {
    await stage.hosts({ a: { exitCode: null } });
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(({ phase }) => phase === 'running');
    const [cell = ''] = await run.cells();
    await run.handle.terminate();
    await until(async () => (await stage.env.client.workflow.getHandle(cell).describe()).status.name, 'TERMINATED');
    // A terminated run cannot give its hosts back; the next wish makes the fleet look.
    expect((await (await stage.run({ nodes: 1, max_duration: '1s' }, 'next')).outcome()).reason).toBe('MaxDuration');
    await stage.allFree();
    await stage.record('fleet-sweeps', 'muster-fleet-default');
  });
});
