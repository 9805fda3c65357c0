import { expect, it } from 'vitest';
import { rescale } from '../../spec/messages.js';
import type { RunStatus } from '../../spec/nodes.js';
import { until } from '../helpers/until.js';
import { openStage } from './stage.js';

const EVENTS = 120;
const stage = openStage('real', { continueAsNewAt: EVENTS });
const still = { exitCode: null };

it('a run whose list changes again and again goes on with short histories, and so do its cells, while its nodes run on', async () => {
  const [a, b, c] = await stage.hosts({ a: still, b: still, c: still });
  const run = await stage.run({ nodes: 2, on_resize: 'file', host_timeout: '10s' });
  await run.untilStatus(({ phase }) => phase === 'running');
  const first = (await run.handle.describe()).runId;
  const changes = 16;
  for (let i = 1; i <= changes; i++) {
    const nodes = i % 2 === 1 ? 3 : 2;
    const settled = (status: RunStatus) => status.nodes.length === nodes && status.resizes.at(-1)?.state === 'done';
    await run.handle.executeUpdate(rescale, { args: [{ nodes }] });
    await run.untilStatus(settled, 20_000);
  }
  const { generation, losses, failures, phase } = await run.status();
  expect([phase, losses, failures]).toEqual(['running', 0, []]);
  expect(generation).toBeGreaterThanOrEqual(1 + changes);
  // What is under way when a history gets long is ended first.
  await until(
    async () => (await run.handle.describe()).historyLength,
    (length) => length < 2 * EVENTS,
    20_000,
  );
  expect((await run.handle.describe()).runId).not.toBe(first);
  for (const host of [a, b]) expect(host?.asked('startNode')).toHaveLength(1);
  await until(() => [a, b, c].map((host) => host?.running()), [1, 1, 0]);
  for (const host of [a, b]) host?.exit(0);
  expect((await run.outcome()).status).toBe('succeeded');
  await stage.allFree();
}, 120_000);
