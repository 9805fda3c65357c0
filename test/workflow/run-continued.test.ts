import { expect, it } from 'vitest';
import { Schedules } from '../../client/schedules.js';
import { rescale, status } from '../../spec/messages.js';
import { until } from '../helpers/until.js';
import { openStage } from './stage.js';

/** A run whose history is as long as this goes on with an empty one, between two generations. */
const stage = openStage('real', { continueAsNewAt: 60 });

it('continues as new between generations, and is the same run to everybody', async () => {
  const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: [7, 7, 7, 7, 7, null] } });
  const run = await stage.run({ nodes: 2, restart: { attempts: 9, backoff: '1s..1s' } });
  const { runId, generation, restarts, failures } = await run.untilStatus(({ phase, generation }) => phase === 'running' && generation === 6, 30_000);
  const description = await run.handle.describe();
  const firstRunId = description.raw.workflowExecutionInfo?.firstRunId;
  expect([runId, description.runId === firstRunId]).toEqual([firstRunId, false]);
  expect([generation, restarts, failures.map((note) => note.generation)]).toEqual([6, 5, [1, 2, 3, 4, 5]]);
  expect(a?.asked('runNode').map(({ generation: of, startNumber, startReason }) => [of, startNumber, startReason])).toEqual(
    [1, 2, 3, 4, 5, 6].map((n) => [n, n, n === 1 ? 'first' : 'restart']),
  );
  expect(new Set(a?.asked('runNode').map(({ token }) => token)).size).toBe(1);
  a?.exit(0);
  b?.exit(0);
  const outcome = await run.outcome();
  expect([outcome.status, outcome.message]).toEqual(['succeeded', 'All 2 nodes exited with code 0']);
  const found = async () => (await run.handle.describe()).typedSearchAttributes.getAll().map(({ key: { name }, value }) => [name, value]);
  const told = [...(await found())].filter(([name]) => String(name).startsWith('Muster')).sort();
  expect(told).toEqual([
    ['MusterHosts', ['a', 'b']],
    ['MusterName', 'story'],
    ['MusterPhase', 'succeeded'],
    ['MusterReason', 'CommandFailed'],
  ]);
  await stage.allFree();
  await stage.record('run-continued', 'story');
});

it('keeps the time for which its schedule has started it', async () => {
  const { client } = stage.env;
  const schedules = new Schedules(client);
  const [a] = await stage.hosts({ a: { exitCode: [7, 7, 7, 7, 7, 0] } });
  const restart = { attempts: 9, backoff: '1s..1s' };
  await schedules.apply({ name: 'nightly', commands: ['a-program'], restart, schedule: { cron: '0 0 1 1 *' } });
  const { run } = await schedules.trigger('nightly');
  const handle = client.workflow.getHandle(run);
  const final = await until(
    () => handle.query(status),
    ({ phase }) => phase === 'succeeded',
    30_000,
  );
  expect((await handle.describe()).runId).not.toBe(final.runId);
  expect(a?.asked('startNode').map(({ program }) => program.scheduledTime)).toEqual(Array(6).fill(run.slice('run-nightly-at-'.length)));
  await schedules.delete('nightly');
  await stage.allFree();
});

it('still hears a stop, and a cancellation, after it has continued as new', async () => {
  const [, , c] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: [7, 7, 7, 7, null] }, c: { exitCode: [7, 7, 7, 7, null] } });
  const task = { nodes: 1, restart: { attempts: 9, backoff: '1s..1s' } };
  const stopped = await stage.run({ ...task, hosts: ['b'] }, 'stopped');
  const cancelled = await stage.run({ ...task, hosts: ['c'] }, 'cancelled');
  await Promise.all([stopped, cancelled].map((run) => run.untilStatus(({ phase, generation }) => phase === 'running' && generation === 5, 30_000)));
  await stopped.stop('graceful');
  await cancelled.handle.cancel();
  expect([(await stopped.outcome()).reason, (await cancelled.outcome()).reason]).toEqual(['Stopped', 'Cancelled']);
  await until(() => c?.running(), 0);
  await stage.allFree();
});

it('fulfils a wish for another number of nodes over it', async () => {
  await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
  const run = await stage.run({ nodes: 2, hosts: undefined });
  const runIds = new Set<string>();
  for (const [i, nodes] of [1, 2, 1, 2, 1].entries()) {
    await run.untilStatus(({ phase, generation }) => phase === 'running' && generation === i + 1);
    await run.handle.executeUpdate(rescale, { args: [{ nodes }] });
    const { resizes } = await run.untilStatus(({ phase, generation }) => phase === 'running' && generation === i + 2);
    expect(resizes.map(({ state }) => state)).toEqual(resizes.map(() => 'done'));
    runIds.add((await run.handle.describe()).runId);
  }
  expect(runIds.size).toBeGreaterThan(1);
  await run.stop('now');
  await run.outcome();
  await stage.allFree();
});
