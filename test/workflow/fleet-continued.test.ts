import pino from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { DEFAULT_FLEET } from '../../spec/ids.js';
import * as messages from '../../spec/messages.js';
import { announce } from '../../workers/announce.js';
import { until } from '../helpers/until.js';
import { fleetHandle, hostsOf, statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

/** So small that a fleet continues as new within a story. */
const EVENTS = 40;
const stage = openStage('real', { continueAsNewAt: EVENTS });

const executionOf = async () => (await fleetHandle(stage.env).describe()).runId;

describe('a fleet that continues as new', () => {
  it('keeps hosts, leases, queue and epoch', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    const before = await executionOf();
    const holder = await stage.run({ nodes: 2 }, 'holder');
    await holder.untilStatus(({ phase }) => phase === 'running');
    const waiting = await stage.run({ nodes: 2, queue_timeout: '10m' }, 'waiting');
    await waiting.untilStatus(({ reason }) => reason === 'WaitingForHosts');
    const held = await hostsOf(stage.env);
    for (let i = 0; (await executionOf()) === before; i++) {
      if (i > EVENTS) throw new Error('the fleet did not continue as new');
      await a?.announce();
    }
    const leases = (await hostsOf(stage.env)).map(({ host, lease }) => ({ host, lease }));
    expect(leases).toEqual(held.map(({ host, lease }) => ({ host, lease })));
    for (const host of [a, b]) {
      if (host) host.settings.exitCode = 0;
      host?.exit(0);
    }
    expect((await waiting.outcome()).status).toBe('succeeded');
    expect(
      await fleetHandle(stage.env)
        .describe()
        .then(({ status }) => status.name),
    ).toBe('RUNNING');
    await stage.allFree();
    await stage.record('fleet-continued', 'muster-fleet-default');
  });

  it('waits until no host is being released', async () => {
    const [a] = await stage.hosts({ a: {}, b: { silent: true } });
    const run = await stage.run({ nodes: 1, hosts: ['b'], gather_timeout: '1s' });
    await until(() => statesOf(stage.env), { a: 'free', b: 'releasing' });
    const before = await executionOf();
    for (let i = 0; i < EVENTS; i++) await a?.announce();
    expect(await executionOf()).toBe(before);
    await run.outcome();
    await until(executionOf, (now) => now !== before, 15_000);
    expect(await statesOf(stage.env)).toEqual({ a: 'free', b: 'releasing' });
  });

  it('goes on to look for closed runs when a request waits', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const holder = await stage.run({ nodes: 1 }, 'holder');
    await holder.untilStatus(({ phase }) => phase === 'running');
    const waiting = await stage.run({ nodes: 1 }, 'waiting');
    await waiting.untilStatus(({ reason }) => reason === 'WaitingForHosts');
    const before = await executionOf();
    for (let i = 0; (await executionOf()) === before; i++) {
      if (i > EVENTS) throw new Error('the fleet did not continue as new');
      await a?.announce();
    }
    await holder.handle.terminate();
    if (a) a.settings.exitCode = 0;
    expect((await waiting.outcome(15_000)).status).toBe('succeeded');
    await stage.allFree();
  });
});

describe('an agent', () => {
  it('tells a fleet that is rebuilt that its host was drained, also when the one before had continued as new since', async () => {
    const [a, b] = await stage.hosts({ a: {}, b: {} });
    if (!a) throw new Error('no host');
    const { client } = stage.env;
    const agent = await announce(client, DEFAULT_FLEET, a.facts, () => [], pino({ level: 'silent' }));
    await fleetHandle(stage.env).executeUpdate(messages.drain, { args: [{ host: 'a', drained: true }] });
    const before = await executionOf();
    for (let i = 0; (await executionOf()) === before; i++) {
      if (i > EVENTS) throw new Error('the fleet did not continue as new');
      await b?.announce();
    }
    const looks = vi.spyOn(client.workflow, 'getHandle');
    await until(() => looks.mock.calls.length > 1, true, 15_000);
    await fleetHandle(stage.env).terminate();
    await until(() => statesOf(stage.env), { a: 'drained' }, 15_000);
    agent.stop();
  });
});

describe('a run that was reset', () => {
  it('gets the hosts that it held, and goes on in a later generation with new starts', async () => {
    const [, b] = await stage.hosts({ a: {}, b: { exitCode: null } });
    const run = await stage.run({ nodes: 1, hosts: ['b'] });
    const { runId } = await run.untilStatus(({ phase }) => phase === 'running');
    await stage.env.client.workflowService.resetWorkflowExecution({
      namespace: stage.env.namespace,
      workflowExecution: { workflowId: 'story', runId },
      reason: 'a story',
      requestId: 'a-story',
      workflowTaskFinishEventId: 4 as never,
    });
    const again = await run.untilStatus(({ phase, generation }) => phase === 'running' && generation === 2);
    expect(again).toMatchObject({ runId, nodes: [{ host: 'b', startNumber: 2 }] });
    b?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });
});
