import { describe, expect, it } from 'vitest';
import { rescale } from '../../spec/messages.js';
import type { NodeEnd } from '../../spec/nodes.js';
import { until } from '../helpers/until.js';
import { statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage('real');
/** On a busy machine the word of a silence comes late, as after an outage: without peers, the host has two minutes more. */
const PATIENT_MS = 50_000;

describe('a lost heartbeat', () => {
  it('fails the run with HostLost when the host does not come back within host_timeout', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null, loseHeartbeatAfterMs: 50 } });
    const run = await stage.run({ nodes: 2, host_timeout: '5s' });
    const { reason, message, final } = await run.outcome(PATIENT_MS);
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

  it('is lost when the peer that reached it does not any more', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null, sawPeer: 'reachable' }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2, host_timeout: '5s' });
    await run.untilStatus(({ phase }) => phase === 'running');
    await b?.fallSilent();
    // Asked again for minutes: its peer reaches it.
    const patient = /"scheduleToStartTimeout":\{"seconds":"?300/;
    const cell = stage.env.client.workflow.getHandle((await run.cells())[0] ?? '');
    await until(async () => patient.test(JSON.stringify((await cell.fetchHistory()).events)), true, 20_000);
    await a?.losePeers();
    const { reason, message } = await run.outcome(20_000);
    expect(reason).toBe('HostLost');
    expect(message).toMatch(/^Node 1 on b failed in generation 1: Host b was silent for 5 s, and its peers do not reach it either/);
  });

  it('is looked for by peers that another cell looks after', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null, sawPeer: 'reachable' }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 1, hosts: undefined, host_timeout: '5s' });
    await run.untilStatus(({ phase }) => phase === 'running');
    await run.handle.executeUpdate(rescale, { args: [{ nodes: 2 }] });
    await run.untilStatus(({ phase, generation }) => phase === 'running' && generation === 2);
    expect((await run.cells()).length).toBe(3);
    await b?.fallSilent();
    await until(() => a?.asked('watchPeer').map(({ peer, identity }) => [peer.host, identity]), [['b', 'identity-of-a']]);
    await b?.serve();
    await run.untilStatus(({ nodes }) => nodes[1]?.state === 'running', 20_000);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
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

describe('a silent host of which its peers only know that somebody is there', () => {
  it('is lost after host_timeout, without their word', async () => {
    const saysNothing = { exitCode: null, sawPeer: { kind: 'unknown' as const, message: 'the other side closed the connection' } };
    await stage.hosts({ a: saysNothing, b: { exitCode: null, loseHeartbeatAfterMs: 50 }, c: saysNothing });
    const run = await stage.run({ nodes: 3, host_timeout: '5s' });
    const { reason, message } = await run.outcome(PATIENT_MS);
    expect([reason, message]).toEqual(['HostLost', 'Node 1 on b failed in generation 1: Host b was silent for 5 s; the other 2 nodes were stopped']);
  });
});

describe('a lost host', () => {
  it('is one that does not answer when all start again', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: [7, 7, 0] }, b: { exitCode: null }, c: { exitCode: 0 } });
    const run = await stage.run({ hosts: undefined, nodes: 2, restart: { attempts: 9, backoff: '6s..6s' }, gather_timeout: '5s', on_host_loss: 'replace' });
    await run.untilStatus(({ phase, restarts }) => phase === 'restarting' && restarts === 2);
    await until(() => b?.running(), 0);
    await b?.fallSilent();
    const { status, final } = await run.outcome();
    expect([status, final.generation, final.restarts, final.losses]).toEqual(['succeeded', 3, 2, 1]);
    expect(final.nodes.map(({ host }) => host)).toEqual(['a', 'c']);
    expect(final.failures.at(-1)).toMatchObject({ host: 'b', type: 'HostLost' });
    expect(final.failures.at(-1)?.message).toBe('Host b did not answer within 5 s; all nodes start again, 9 of 10 losses left');
    expect(a?.asked('runNode').at(-1)?.fence).toEqual([{ host: 'b', address: '10.0.0.2', port: 7_000, startNumber: 2 }]);
  });

  it('is waited for where the task pins it, also when it does not answer as all start again', async () => {
    const [, b] = await stage.hosts({ a: { exitCode: [7, 7, 0] }, b: { exitCode: null } });
    const run = await stage.run({ hosts: ['a', 'b'], restart: { attempts: 9, backoff: '6s..6s' }, gather_timeout: '5s', on_host_loss: 'replace' });
    await run.untilStatus(({ phase, restarts }) => phase === 'restarting' && restarts === 2);
    await until(() => b?.running(), 0);
    await b?.fallSilent();
    await run.untilStatus(({ losses }) => losses === 1, 20_000);
    const other = await stage.run({ nodes: 1 }, 'other');
    await other.untilStatus(({ reason }) => reason === 'WaitingForHosts');
    await b?.serve();
    await b?.announce();
    // What the fleet asked before it came back may have gone to nobody: that is given up first.
    await run.untilStatus(({ phase, generation }) => phase === 'running' && generation === 3, 30_000);
    b?.exit(0);
    const { status, final } = await run.outcome();
    expect([status, final.generation, final.losses, final.nodes.map(({ host }) => host)]).toEqual(['succeeded', 3, 1, ['a', 'b']]);
    const ended = async () => {
      b?.exit(0);
      return (await other.handle.describe()).status.name;
    };
    await until(ended, 'COMPLETED', 15_000);
    await stage.allFree();
  });

  it('fails the run when no other is free within queue_timeout', async () => {
    await stage.hosts({ a: { exitCode: null }, b: { exitCode: null, loseHeartbeatAfterMs: 50 } });
    const run = await stage.run({ nodes: 2, host_timeout: '5s', on_host_loss: 'replace', queue_timeout: '5s' });
    const { reason, message } = await run.outcome(PATIENT_MS);
    expect(reason).toBe('QueueTimeout');
    expect(message).toMatch(/^nothing took the place of b: after 5 s in the queue the run still needs 1 host; /);
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

  it('of a cell in the back-off of one of its nodes neither charges that again nor forgets it', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: [7, 7, null] } });
    const run = await stage.run({ nodes: 2, restart: { scope: 'node', attempts: 9, backoff: '60s..10m' } });
    await run.untilStatus(({ nodes, restarts }) => restarts === 2 && nodes[1]?.state === 'restarting');
    const [cell = ''] = await run.cells();
    await stage.env.client.workflow.getHandle(cell).terminate();
    const { restarts, failures } = await run.untilStatus(({ nodes }) => nodes[1]?.state === 'running' && nodes[1].startNumber === 3);
    expect([restarts, failures.length, b?.asked('runNode').map(({ startNumber }) => startNumber)]).toEqual([2, 2, [1, 2, 3]]);
    a?.exit(0);
    b?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
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
