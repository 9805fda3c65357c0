import { describe, expect, it } from 'vitest';
import { Muster } from '../../client/connect.js';
import { runHandle } from '../../spec/ids.js';
import * as messages from '../../spec/messages.js';
import { FakeHost, Floor } from '../helpers/fake-host.js';
import { until } from '../helpers/until.js';
import { fleetHandle, hostsOf, statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage();
const isRunning = ({ phase }: { phase: string }) => phase === 'running';
const isWaiting = ({ reason }: { reason: string }) => reason === 'WaitingForHosts';

describe('the fleet', () => {
  it('grants all or nothing, first come first served, when hosts are short', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: {} });
    const first = await stage.run({ nodes: 1, hosts: ['a'] }, 'first');
    await first.untilStatus(isRunning);
    const second = await stage.run({ nodes: 2 }, 'second');
    await second.untilStatus(isWaiting);
    const third = await stage.run({ nodes: 1 }, 'third');
    await third.untilStatus(isWaiting);
    expect(await statesOf(stage.env)).toEqual({ a: 'held', b: 'free' });
    if (a) a.settings.exitCode = 0;
    a?.exit(0);
    expect((await third.outcome()).status).toBe('succeeded');
    expect((await second.outcome()).status).toBe('succeeded');
    expect(b?.asked('startNode').map(({ run }) => run.handle)[0]).toBe('second');
    await stage.allFree();
    await stage.record('fleet-queues', 'muster-fleet-default');
  });

  it('does not hold up a request when the one before it could never be met', async () => {
    await stage.hosts({ a: {} });
    const big = await stage.run({ nodes: 5 }, 'big');
    await big.untilStatus(isWaiting);
    expect((await (await stage.run({ nodes: 1 }, 'small')).outcome()).status).toBe('succeeded');
    await big.stop('now');
    await big.outcome();
    await stage.allFree();
  });

  it('fails a run with QueueTimeout, saying what it needs and what there is, when queue_timeout has passed', async () => {
    await stage.hosts({ a: {} });
    const run = await stage.run({ nodes: 2, queue_timeout: '10m' });
    await run.untilStatus(isWaiting);
    await stage.env.skip(601_000);
    const { reason, message } = await run.outcome();
    expect(reason).toBe('QueueTimeout');
    expect(message).toBe('after 600 s in the queue the run still needs 2 hosts; the fleet default has 1 (1 free, 0 in use, 0 silent)');
    await stage.record('run-queue-timeout', 'story');
    await stage.record('fleet-refuses', 'muster-fleet-default');
  });

  it('names pinned hosts that never announced themselves when queue_timeout has passed', async () => {
    await stage.hosts({ a: {} });
    const run = await stage.run({ nodes: 2, hosts: ['a', 'nobody'], queue_timeout: '1s' });
    await run.untilStatus(isWaiting);
    await stage.env.skip(2_000);
    expect((await run.outcome()).message).toContain('needs hosts a, nobody; the fleet default has 1 (1 free, 0 in use, 0 silent); never announced: nobody');
  });

  it('is started by a run when there is none, and grants when hosts come', async () => {
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(isWaiting);
    await stage.hosts({ a: {} });
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('takes a grant back when the run is gone by then', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const holder = await stage.run({ nodes: 1 }, 'holder');
    await holder.untilStatus(isRunning);
    // A run that was never there: no sweep looks for it before its turn has come.
    const run = { handle: runHandle('ghost', '1'), runId: 'ghost', name: 'ghost', fleet: 'default' };
    const wish = {
      request: 'r',
      parts: [{ group: 0, nodes: 1, where: {}, resources: null }],
      hosts: null,
      except: [],
      extra: false,
      first: true,
      unmet: 'wait' as const,
      stop: { signal: 'SIGTERM', seconds: 5 },
      askedAtMs: 0,
      queueTimeoutSeconds: 600,
      deadlineMs: (await stage.env.nowMs()) + 600_000,
    };
    a?.exit(0);
    await holder.outcome();
    await stage.allFree();
    await fleetHandle(stage.env).signal(messages.leaseRequested, { run, ...wish });
    await until(() => a?.asked('stopNode').map((input) => input.run.handle), [run.handle]);
    await stage.allFree();
    if (a) a.settings.exitCode = 0;
    expect((await (await stage.run({ nodes: 1 }, 'next')).outcome()).status).toBe('succeeded');
    await stage.record('fleet-takes-back', 'muster-fleet-default');
  });

  it('grants no host in releasing until it is clean', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null, stopIgnored: true } });
    const first = await stage.run({ nodes: 1 }, 'first');
    const { runId } = await first.untilStatus(isRunning);
    await first.handle.terminate();
    const second = await stage.run({ nodes: 1 }, 'second');
    await until(() => statesOf(stage.env), { a: 'releasing' });
    await until(() => a?.calls.at(-1), 'stopNode');
    expect((await second.status()).reason).toBe('WaitingForHosts');
    if (a) Object.assign(a.settings, { stopIgnored: false, exitCode: 0 });
    a?.exit(143);
    await fleetHandle(stage.env).signal(messages.hostCleaned, { host: 'a', runId: 'another' });
    expect(await statesOf(stage.env)).toEqual({ a: 'releasing' });
    await fleetHandle(stage.env).signal(messages.hostCleaned, { host: 'a', runId });
    await a?.announce();
    expect((await second.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('asks a host in releasing again while a run waits when it was not clean the first time', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null, stopIgnored: true } });
    const first = await stage.run({ nodes: 1, host_timeout: '1d' }, 'first');
    await first.untilStatus(isRunning);
    await first.handle.terminate();
    const second = await stage.run({ nodes: 1, queue_timeout: '10m' }, 'second');
    await until(() => a?.calls.at(-1), 'stopNode');
    await until(() => statesOf(stage.env), { a: 'releasing' });
    await stage.env.skip(1_000, 1);
    if (a) Object.assign(a.settings, { stopIgnored: false, exitCode: 0 });
    await stage.env.skip(8_000, 1);
    expect((await second.outcome(5_000)).status).toBe('succeeded');
  });

  it('asks a host in releasing again at once when it announced itself while it was asked in vain', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null, stopIgnored: true, stopsAfterMs: 1_000 } });
    const first = await stage.run({ nodes: 1 }, 'first');
    const { runId } = await first.untilStatus(isRunning);
    await first.handle.terminate();
    await fleetHandle(stage.env).signal(messages.leaseReturned, { runId, clean: [], unclean: ['a'], silent: [], all: true });
    await until(() => a?.asked('stopNode').length, 1);
    await a?.announce({ runs: [{ handle: first.handle.workflowId, runId }] });
    await until(() => a?.asked('stopNode').length, 2);
    if (a) a.settings.stopIgnored = false;
    // In case that it was asked again and had answered already.
    await a?.announce({ runs: [{ handle: first.handle.workflowId, runId }] });
    await stage.allFree();
  });

  it('grants a run that was reset the hosts that it held, and releases those that it no longer wants', async () => {
    await stage.hosts({ a: {}, b: { exitCode: null }, c: { exitCode: null } });
    const run = await stage.run({ nodes: 2, hosts: ['b', 'c'] });
    const { run: handle, runId } = await run.untilStatus(isRunning);
    const again = {
      run: { handle, runId, name: handle, fleet: 'default' },
      hosts: null,
      except: [],
      extra: false,
      first: true,
      unmet: 'wait' as const,
      stop: { signal: 'SIGTERM', seconds: 5 },
      askedAtMs: 0,
      queueTimeoutSeconds: 600,
      deadlineMs: (await stage.env.nowMs()) + 600_000,
    };
    const epochs = async () => (await hostsOf(stage.env)).map(({ lease }) => lease && [lease.epoch, lease.runId === runId, lease.state]);
    await fleetHandle(stage.env).signal(messages.leaseRequested, { ...again, request: 'again', parts: [{ group: 0, nodes: 2, where: {}, resources: null }] });
    await until(epochs, [null, [2, true, 'held'], [2, true, 'held']]);
    await fleetHandle(stage.env).signal(messages.leaseRequested, { ...again, request: 'fewer', parts: [{ group: 0, nodes: 1, where: {}, resources: null }] });
    await until(epochs, [null, [3, true, 'held'], null]);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });

  it('tells of all its hosts, however many', async () => {
    const many = Array.from({ length: 501 }, (_, i) => new FakeHost(stage.env, new Floor(), `host-${i}`, `10.1.${i >> 8}.${i & 255}`, {}));
    // The one that starts the fleet before all others.
    await many[0]?.announce();
    for (let i = 1; i < many.length; i += 50) await Promise.all(many.slice(i, i + 50).map((host) => host.announce()));
    const listed = await new Muster(stage.env.client).hosts();
    expect(listed.map(({ host }) => host)).toEqual(many.map(({ name }) => name));
  });
});
