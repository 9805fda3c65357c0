import { describe, expect, it } from 'vitest';
import * as messages from '../../spec/messages.js';
import { until } from '../helpers/until.js';
import { fleetHandle, hostsOf, type StoryRun, statesOf } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage();

const drain = (host: string, drained: boolean) => fleetHandle(stage.env).executeUpdate(messages.drain, { args: [{ host, drained }] });

/** What agents read. */
const drainedIn = async () => (await fleetHandle(stage.env).describe()).memo?.['drained'] ?? [];

/** What a run has heard of drained hosts. */
async function heardOf({ handle }: StoryRun): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) => {
    const { host } = JSON.parse(Buffer.from(signal?.input?.payloads?.[0]?.data ?? '{}').toString()) as Partial<messages.HostDrained>;
    return signal?.signalName === messages.hostDrained.name || signal?.signalName === messages.hostResumed.name ? [`${signal.signalName} ${host}`] : [];
  });
}

describe('a request that the fleet could never meet', () => {
  it('is refused at once, with what is missing, when the hosts are known', async () => {
    await stage.hosts({ a: { gpus: 8 }, b: { gpus: 8 }, c: {} });
    await stage.env.skip(10_500);
    const run = await stage.run({ nodes: 3, resources: { gpu: 8 } });
    const { reason, message } = await run.outcome();
    expect(reason).toBe('CannotBeMet');
    expect(message).toBe(
      'the run needs 3 hosts with 8 GPUs; the fleet default has 3 (3 free, 0 in use, 0 silent); the fleet has 2: a, b; the others have no GPU (c)',
    );
  });

  it('waits until the hosts that come at the same time have had time to come', async () => {
    await stage.hosts({ a: {} });
    const run = await stage.run({ nodes: 2 });
    await run.untilStatus(({ reason }) => reason === 'WaitingForHosts');
    await stage.hosts({ b: {} });
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('waits as long as queue_timeout says when it is given', async () => {
    await stage.hosts({ a: {} });
    await stage.env.skip(10_500);
    const run = await stage.run({ nodes: 2, queue_timeout: '1h' });
    await stage.env.skip(60_000);
    expect((await run.status()).reason).toBe('WaitingForHosts');
    await stage.hosts({ b: {} });
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });
});

describe('a drained host', () => {
  it('gets no run until it is resumed, and keeps the one that it has', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null }, b: {} });
    const first = await stage.run({ hosts: ['a'] }, 'first');
    await first.untilStatus(({ phase }) => phase === 'running');
    expect((await drain('a', true)).message).toBe(
      'No further run gets a; first has it still: a run with a range, or with on_host_loss replace or shrink, leaves it',
    );
    expect((await drain('b', true)).message).toBe('No further run gets b');
    expect(await statesOf(stage.env)).toEqual({ a: 'held', b: 'drained' });
    const second = await stage.run({ nodes: 1, queue_timeout: '10m' }, 'second');
    await second.untilStatus(({ reason }) => reason === 'WaitingForHosts');
    a?.exit(0);
    expect((await first.outcome()).status).toBe('succeeded');
    await stage.env.skip(30_000);
    expect((await second.status()).reason).toBe('WaitingForHosts');
    expect((await hostsOf(stage.env)).map(({ host, state, drained }) => [host, state, drained])).toEqual([
      ['a', 'drained', true],
      ['b', 'drained', true],
    ]);
    expect((await drain('b', false)).message).toBe('b is in use again');
    expect((await second.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('is told to the run that holds it, as is that it was resumed', async () => {
    await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 1, hosts: ['a'], host_timeout: '1d' });
    await run.untilStatus(({ phase }) => phase === 'running');
    await drain('b', true);
    await drain('a', true);
    await until(() => heardOf(run), ['hostDrained a']);
    await drain('a', false);
    await until(() => heardOf(run), ['hostDrained a', 'hostResumed a']);
    await run.stop('now');
    await run.outcome();
    await drain('a', true);
    await stage.allFree();
    expect(await heardOf(run)).toEqual(['hostDrained a', 'hostResumed a']);
  });

  it('stays drained when its agent announces itself again', async () => {
    const [a] = await stage.hosts({ a: {} });
    await drain('a', true);
    await a?.announce();
    expect(await statesOf(stage.env)).toEqual({ a: 'drained' });
  });

  it('is drained for a rebuilt fleet, too, when its agent has read that it was', async () => {
    const [a] = await stage.hosts({ a: {}, b: {} });
    await drain('a', true);
    expect(await drainedIn()).toEqual(['a']);
    await until(async () => (await fleetHandle(stage.env).describe()).raw.pendingActivities?.length ?? 0, 0);
    await fleetHandle(stage.env).terminate();
    await a?.announce({ rebuilt: true, drained: true });
    await until(() => statesOf(stage.env), { a: 'drained' });
    expect(await drainedIn()).toEqual(['a']);
    await drain('a', false);
    // What an agent has read before does not undo it.
    await a?.announce({ drained: true });
    expect(await statesOf(stage.env)).toEqual({ a: 'free' });
    expect(await drainedIn()).toEqual([]);
  });

  it('must be known', async () => {
    await stage.hosts({ a: {} });
    await expect(drain('nobody', true)).rejects.toMatchObject({ cause: { message: 'The fleet default knows no host nobody' } });
  });
});

it('a host whose agent speaks another protocol is not used, and it is said why', async () => {
  await stage.hosts({ a: {}, b: { protocol: { oldest: 900, newest: 901 } } });
  expect((await hostsOf(stage.env)).map(({ host, state, problem }) => [host, state, problem])).toEqual([
    ['a', 'free', ''],
    ['b', 'incompatible', 'its agent (fake) is too new for this control worker: upgrade the control worker'],
  ]);
  const run = await stage.run({ nodes: 2, queue_timeout: '1s' });
  await stage.env.skip(1_500);
  expect((await run.outcome()).message).toContain('the fleet default has 2 (1 free, 0 in use, 0 silent, 1 incompatible)');
});
