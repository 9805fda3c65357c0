import { describe, expect, it } from 'vitest';
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

describe('an end from outside', () => {
  it('of a cell fails the run with words and gives the hosts back', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2 });
    await run.untilStatus(({ phase }) => phase === 'running');
    const [cell = ''] = await run.cells();
    await stage.env.client.workflow.getHandle(cell).terminate();
    const { reason, message } = await run.outcome();
    expect([reason, message]).toEqual(['Internal', `Cell ${cell} was ended from outside`]);
    await stage.allFree();
    expect([a?.running(), b?.running()]).toEqual([0, 0]);
    await stage.record('run-cell-terminated', 'story');
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
