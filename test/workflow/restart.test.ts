import { describe, expect, it } from 'vitest';
import { until } from '../helpers/until.js';
import { openStage } from './stage.js';

const stage = openStage();

describe('a node that fails', () => {
  it('starts all again in a new generation when restarts are left', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: [null, 0] }, b: { exitCode: [7, 0], lastLines: 'no such file' } });
    const run = await stage.run({ nodes: 2, restart: 2 });
    const { status, final } = await run.outcome();
    expect([status, final.generation, final.restarts, final.losses]).toEqual(['succeeded', 2, 1, 0]);
    expect(final.failures).toMatchObject([{ generation: 1, rank: 1, host: 'b', type: 'CommandFailed', lastLines: 'no such file' }]);
    expect(final.failures[0]?.message).toBe('Node 1 on b exited with code 7 in generation 1; all nodes start again, 1 of 2 restarts left');
    expect(a?.asked('runNode').map(({ generation, startNumber, startReason }) => [generation, startNumber, startReason])).toEqual([
      [1, 1, 'first'],
      [2, 2, 'restart'],
    ]);
    expect(b?.asked('runNode')).toHaveLength(2);
    await stage.allFree();
    await stage.record('run-restarts-all', 'story');
  });

  it('fails the run with what went wrong first when its restarts are used', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: 7 } });
    const run = await stage.run({ nodes: 2, restart: { attempts: 1 } });
    const { reason, message, final } = await run.outcome();
    expect(reason).toBe('RestartsExhausted');
    expect(message).toBe('Node 1 on b exited with code 7 in generation 2, and the only restart within 1h of running is used; the other node was stopped');
    expect(final.failures.map(({ generation, type }) => [generation, type])).toEqual([
      [1, 'CommandFailed'],
      [2, 'CommandFailed'],
    ]);
    expect(a?.asked('runNode')).toHaveLength(2);
    await stage.allFree();
  });

  it('starts alone, in its generation, where the task says so', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: [7, null] } });
    const run = await stage.run({ nodes: 2, restart: { scope: 'node' } });
    await until(() => b?.asked('runNode').length, 2);
    await run.untilStatus(({ nodes }) => nodes[1]?.state === 'running' && nodes[1].startNumber === 2);
    expect(b?.asked('runNode').map(({ generation, startNumber, startReason, entry }) => [generation, startNumber, startReason, entry])).toEqual([
      [1, 1, 'first', 'barrier'],
      [1, 2, 'restart', 'alone'],
    ]);
    a?.exit(0);
    await run.untilStatus(({ nodes }) => nodes[0]?.state === 'succeeded');
    b?.exit(0);
    const { status, final } = await run.outcome();
    expect([status, final.generation, final.restarts, final.nodes.map(({ startNumber }) => startNumber)]).toEqual(['succeeded', 1, 1, [1, 2]]);
    expect(final.failures[0]?.message).toBe('Node 1 on b exited with code 7 in generation 1; it starts again, 2 of 3 restarts of this node left');
    expect(a?.asked('startNode')).toHaveLength(1);
    await stage.allFree();
    const [cell = ''] = await run.cells();
    await stage.record('run-restarts-one', 'story');
    await stage.record('cell-restarts-one', cell);
  });

  it('leaves those that are done as they are when another starts again alone', async () => {
    const [a] = await stage.hosts({ a: { exitCode: 0 }, b: { exitCode: [7, 0], exitAfterMs: 300 } });
    const run = await stage.run({ nodes: 2, restart: { scope: 'node' } });
    const { status } = await run.outcome();
    expect([status, a?.asked('runNode').length]).toEqual(['succeeded', 1]);
    await stage.allFree();
  });

  it('is passed over, or ends the run at once, as the first matching rule says', async () => {
    await stage.hosts({ a: { exitCode: 0 }, b: { exitCode: 3 }, c: { exitCode: null } });
    const rules = [
      { exit_codes: [3], do: 'ignore' },
      { exit_codes: ['4..9'], do: 'fail' },
    ];
    const run = await stage.run({ nodes: 2, restart: { attempts: 5, rules } });
    expect(await run.outcome()).toMatchObject({
      status: 'succeeded',
      message: 'All 2 nodes are done; failures that a rule ignores: node 1 (exited with code 3)',
    });
    await stage.hosts({ d: { exitCode: 5 } });
    const second = await stage.run({ hosts: ['c', 'd'], restart: { attempts: 5, rules } }, 'second');
    const { reason, final } = await second.outcome();
    expect([reason, final.generation, final.restarts]).toEqual(['CommandFailed', 1, 0]);
    await stage.allFree();
  });

  it('waits longer before each further restart, and a stop ends that wait', async () => {
    const [a] = await stage.hosts({ a: { exitCode: 7 } });
    const run = await stage.run({ nodes: 1, restart: { attempts: 9, backoff: '60s..10m' } });
    await run.untilStatus(({ phase, restarts }) => phase === 'restarting' && restarts === 2);
    expect((await run.status()).message).toMatch(/^Node 0 on a exited with code 7 in generation 2; it starts again in \d\d(\.\d)? s, 7 of 9 restarts left$/);
    await stage.env.skip(80_000);
    await run.untilStatus(({ restarts }) => restarts === 3);
    expect(a?.asked('runNode')).toHaveLength(3);
    await run.stop('graceful');
    expect((await run.outcome()).reason).toBe('Stopped');
    await stage.allFree();
  });

  it('is not started again alone when the run is stopped meanwhile', async () => {
    const [, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: 7 } });
    const run = await stage.run({ nodes: 2, restart: { scope: 'node', attempts: 9, backoff: '60s..10m' } });
    await run.untilStatus(({ nodes, restarts }) => restarts === 2 && nodes[1]?.state === 'restarting');
    await run.stop('now');
    expect((await run.outcome()).reason).toBe('Stopped');
    expect(b?.asked('runNode')).toHaveLength(2);
    await stage.allFree();
  });
});

describe('a lost host', () => {
  it('is made up for by a free one when the task says so, and rank 0 is to fence it', async () => {
    const [a, , c] = await stage.hosts({
      a: { exitCode: [null, 0], sawPeer: { kind: 'unreachable', message: 'refused' } },
      b: { exitCode: null, loseHeartbeatAfterMs: 50, lastLines: 'step 41' },
      c: { exitCode: 0 },
    });
    const run = await stage.run({ hosts: undefined, nodes: 2, host_timeout: '5s', on_host_loss: 'replace' });
    const { status, final } = await run.outcome();
    expect([status, final.generation, final.restarts, final.losses]).toEqual(['succeeded', 2, 0, 1]);
    expect(final.nodes.map(({ host, rank }) => [rank, host])).toEqual([
      [0, 'a'],
      [1, 'c'],
    ]);
    expect(final.failures).toMatchObject([{ host: 'b', type: 'HostLost', lastLines: 'step 41' }]);
    expect(final.failures[0]?.message).toBe(
      'Node 1 on b failed in generation 1: Host b was silent for 5 s, and its peers do not reach it either; all nodes start again, 9 of 10 losses left',
    );
    const again = a?.asked('runNode').at(-1);
    expect([again?.startReason, again?.fence]).toEqual(['restart', [{ host: 'b', address: '10.0.0.2', port: 7_000, startNumber: 1 }]]);
    expect(c?.asked('runNode')[0]).toMatchObject({ startReason: 'replaced', startNumber: 1, generation: 2, rank: 1, fence: [] });
    await stage.record('run-replaces-lost-host', 'story');
  });
});
