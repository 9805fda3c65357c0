import { describe, expect, it } from 'vitest';
import * as messages from '../../spec/messages.js';
import type { FakeHost } from '../helpers/fake-host.js';
import { until } from '../helpers/until.js';
import { fleetHandle, hostsOf, type StoryRun, statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage();
const isRunning = ({ phase }: { phase: string }) => phase === 'running';
const isWaiting = ({ reason }: { reason: string }) => reason === 'WaitingForHosts';

/** A run on the host `a`, until it is stopped. */
async function holder(): Promise<{ a: FakeHost | undefined; run: StoryRun; runId: string }> {
  const [a] = await stage.hosts({ a: { exitCode: null } });
  const run = await stage.run({ nodes: 1, host_timeout: '1d' }, 'holder');
  const { runId } = await run.untilStatus(isRunning);
  return { a, run, runId };
}

/** A run asks for up to `nodes` extra hosts; the request is named `extra`. */
async function askForExtra(handle: string, runId: string, nodes: number, change: Partial<messages.LeaseRequested> = {}): Promise<void> {
  await fleetHandle(stage.env).signal(messages.leaseRequested, {
    run: { handle, runId, name: handle, fleet: 'default' },
    ...{ request: 'extra', parts: [{ group: 0, nodes, where: {}, resources: null }], hosts: null, except: [], extra: true },
    ...{ first: false, unmet: 'refuse', stop: { signal: 'SIGTERM', seconds: 5 } },
    ...{ askedAtMs: 0, queueTimeoutSeconds: 0, deadlineMs: Number.MAX_SAFE_INTEGER, ...change },
  });
}

const requestsOf = async () => Object.fromEntries((await hostsOf(stage.env)).map(({ host, lease }) => [host, lease && lease.request === 'extra']));

async function end(run: StoryRun): Promise<void> {
  await run.stop('now');
  await run.outcome();
  await stage.allFree();
}

describe('extra hosts', () => {
  it('are granted when a host joins, as many as there are then', async () => {
    const { run, runId } = await holder();
    await askForExtra('holder', runId, 3);
    expect(await statesOf(stage.env)).toEqual({ a: 'held' });
    await stage.hosts({ b: {} });
    await until(requestsOf, { a: false, b: true });
    await stage.hosts({ c: {} });
    expect(await statesOf(stage.env)).toEqual({ a: 'held', b: 'held', c: 'free' });
    await end(run);
  });

  it('are left to a run that asks later while they are waited for', async () => {
    const { run, runId } = await holder();
    await askForExtra('holder', runId, 1);
    const next = await stage.run({ nodes: 1, queue_timeout: '1h', host_timeout: '1d' }, 'next');
    await next.untilStatus(isWaiting);
    const [b] = await stage.hosts({ b: { exitCode: null } });
    await next.untilStatus(isRunning);
    expect(await requestsOf()).toEqual({ a: false, b: false });
    b?.exit(0);
    expect((await next.outcome()).status).toBe('succeeded');
    await until(requestsOf, { a: false, b: true });
    await end(run);
  });

  it('are left to a run that waits for more of them than are free', async () => {
    const { run, runId } = await holder();
    const next = await stage.run({ nodes: 2, queue_timeout: '1h' }, 'next');
    await next.untilStatus(isWaiting);
    await askForExtra('holder', runId, 1);
    await stage.hosts({ b: {} });
    expect(await statesOf(stage.env)).toEqual({ a: 'held', b: 'free' });
    expect(await next.stop('now')).toMatchObject({ accepted: true });
    await next.outcome();
    await until(requestsOf, { a: false, b: true });
    await end(run);
  });

  it('are not counted by a plan, and come after it', async () => {
    const { run, runId } = await holder();
    await askForExtra('holder', runId, 1, { hosts: ['nobody'] });
    await stage.hosts({ b: {} });
    const parts = [{ group: 0, nodes: 1, where: {}, resources: null }];
    const asked = { fleet: 'default', parts, hosts: null, wish: { network: null, interface: null } };
    expect(await fleetHandle(stage.env).query(messages.plan, asked)).toMatchObject({ nodes: [{ host: 'b' }], ahead: 0 });
    await end(run);
  });

  it('are free again when the wish is withdrawn, and no longer waited for', async () => {
    const { run, runId } = await holder();
    const withdraw = () => fleetHandle(stage.env).signal(messages.leaseWithdrawn, { request: 'extra' });
    await askForExtra('holder', runId, 2);
    await stage.hosts({ b: {} });
    await until(requestsOf, { a: false, b: true });
    await withdraw();
    expect(await statesOf(stage.env)).toEqual({ a: 'held', b: 'free' });
    await askForExtra('holder', runId, 2, { except: ['b'] });
    await withdraw();
    await stage.hosts({ c: {} });
    expect(await statesOf(stage.env)).toEqual({ a: 'held', b: 'free', c: 'free' });
    await end(run);
  });

  it('are waited for still when the run gives back other hosts, and no longer when it gives back all', async () => {
    const { run, runId } = await holder();
    const giveBack = (all: boolean) => fleetHandle(stage.env).signal(messages.leaseReturned, { runId, clean: [], unclean: [], silent: [], all });
    await askForExtra('holder', runId, 1);
    await giveBack(false);
    await stage.hosts({ b: {} });
    await until(requestsOf, { a: false, b: true });
    await askForExtra('holder', runId, 1, { request: 'more', except: ['b'] });
    await end(run);
    await stage.hosts({ c: {} });
    expect(await statesOf(stage.env)).toEqual({ a: 'free', b: 'free', c: 'free' });
  });

  it('are waited for without a limit, without an event and without a refusal', async () => {
    await stage.hosts({ a: {} });
    // A run that was never there: nobody looks for it before its turn has come.
    await askForExtra('ghost', 'ghost', 1, { except: ['a'] });
    await stage.env.skip(11_000);
    await until(() => statesOf(stage.env), { a: 'free' });
    const events = async () => (await fleetHandle(stage.env).describe()).historyLength;
    const before = await events();
    await stage.env.skip(86_400_000);
    expect(await events()).toBe(before);
    const [b] = await stage.hosts({ b: {} });
    await until(() => b?.asked('stopNode').map((input) => input.run.handle), ['ghost']);
    await stage.allFree();
  });
});
