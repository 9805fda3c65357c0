import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ScheduleStatus } from '../../client/index.js';
import { type Machines, muster, readLines, startMachines } from '../helpers/machines.js';
import { statusOf, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(15, ['host-1', 'host-2']);
});
afterAll(() => machines.stop());

const list = async (): Promise<ScheduleStatus[]> => {
  const { stdout } = await muster(['schedule', 'list', '--json'], machines.env);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
};

function taskFile(name: string, lines: string[]): string {
  const path = join(machines.dir, `${name}.yml`);
  writeFileSync(path, lines.join('\n'));
  return path;
}

it('starts runs of their own at an interval until it is deleted', async () => {
  const out = join(machines.dir, 'nightly');
  const lines = ['name: nightly', 'nodes: 2', 'shell: sh', `commands: ["echo $DSTACK_RUN_ID $WORD >> ${out}"]`, 'env: [WORD]', 'schedule:'];
  const file = taskFile('nightly', [...lines, '  every: 1s']);
  const made = await muster(['schedule', 'apply', file], { ...machines.env, WORD: 'first' });
  expect([made.code, made.stderr.trim()]).toEqual([0, 'The schedule nightly was made']);
  const [shown] = await until(list, ([each]) => (each?.runs.length ?? 0) >= 3, 20_000);
  expect(shown).toMatchObject({ id: 'nightly', nodes: 2, paused: false, schedule: { cron: [], everySeconds: 1, timeZone: 'UTC' } });
  const runs = shown?.runs.map(({ run }) => run) ?? [];
  expect(runs.every((run) => /^run-nightly-at-\d{4}-\d\d-\d\dT[\d:]+Z$/.test(run))).toBe(true);
  const final = await untilPhase(machines.client, runs[0] ?? '', 'succeeded');
  expect(final).toMatchObject({
    name: 'nightly',
    nodes: [
      { rank: 0, exitCode: 0 },
      { rank: 1, exitCode: 0 },
    ],
  });

  const changed = await muster(['schedule', 'apply', taskFile('nightly', [...lines, '  cron: "0 0 1 1 *"'])], { ...machines.env, WORD: 'second' });
  expect([changed.code, changed.stderr.trim()]).toEqual([0, 'The schedule nightly was changed']);
  await until(list, ([each]) => each?.schedule?.cron[0] === '0 0 1 1 *');
  const table = await muster(['schedule', 'list'], machines.env);
  expect(table.stdout).toContain('0 0 1 1 * UTC');

  const deleted = await muster(['schedule', 'delete', 'nightly'], machines.env);
  expect([deleted.code, deleted.stderr.trim()]).toEqual([0, 'The schedule nightly was deleted']);
  await until(list, []);
  const again = await muster(['schedule', 'delete', 'nightly'], machines.env);
  expect([again.code, again.stderr.trim()]).toEqual([2, 'There is no schedule nightly that starts runs; `muster schedule list` lists them']);
  expect(new Set(readLines(out).map((line) => line.split(' ')[1]))).toEqual(new Set(['first']));
});

it('leaves a firing out while the run before goes on', async () => {
  const file = taskFile('slow', ['name: slow', 'shell: sh', 'commands: ["exec sleep 1000"]', 'schedule: { every: 1s }']);
  await muster(['schedule', 'apply', file], machines.env);
  const handle = machines.client.schedule.getHandle('slow');
  await until(
    async () => (await handle.describe()).info.numActionsSkippedOverlap,
    (skipped) => skipped >= 2,
    20_000,
  );
  const { info } = await handle.describe();
  expect(info.recentActions).toHaveLength(1);
  await muster(['schedule', 'delete', 'slow'], machines.env);
  const run = info.recentActions[0]?.action.workflow.workflowId ?? '';
  expect((await statusOf(machines.client, run)).phase).toBe('running');
  await muster(['stop', run, '--now'], machines.env);
});

it('names everything that is wrong with a schedule before it is made', async () => {
  const apply = async (schedule: string) => (await muster(['schedule', 'apply', taskFile('bad', ['commands: ["true"]', schedule])], machines.env)).stderr;
  expect(await apply('schedule: { cron: "61 * * * *", time_zone: Mars/Base }')).toMatch(
    /schedule\.cron: expected a cron expression.*\n.*schedule\.time_zone: expected a time zone/,
  );
  expect(await apply('name: bad')).toContain('schedule: expected a map with `cron` or `every`, got nothing');
  expect(await list()).toEqual([]);
});

it('does not touch a schedule that starts something else', async () => {
  const action = { type: 'startWorkflow' as const, workflowType: 'theirs', taskQueue: 'theirs', workflowId: 'theirs' };
  const theirs = await machines.client.schedule.create({ scheduleId: 'theirs', spec: { intervals: [{ every: '1 day' }] }, action });
  expect((await muster(['schedule', 'delete', 'theirs'], machines.env)).code).toBe(2);
  const file = taskFile('theirs', ['commands: ["true"]', 'schedule: { every: 1d }']);
  expect((await muster(['schedule', 'apply', file, '--id', 'theirs'], machines.env)).code).toBe(2);
  expect((await theirs.describe()).action.workflowType).toBe('theirs');
  expect(await list()).toEqual([]);
  await theirs.delete();
});
