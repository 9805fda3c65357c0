import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type ScheduleDetails, Schedules } from '../../client/index.js';
import { type Machines, muster, readLines, startMachines } from '../helpers/machines.js';
import { untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

let machines: Machines;
let schedules: Schedules;
beforeAll(async () => {
  machines = await startMachines(15, ['host-1', 'host-2']);
  schedules = new Schedules(machines.client);
});
afterEach(async () => {
  // What a failed test has left would take the hosts of the others.
  for (const { id, running } of await schedules.list()) {
    await schedules.delete(id);
    for (const run of running) await machines.client.workflow.getHandle(run).terminate();
  }
});
afterAll(() => machines.stop());

/** What the verb said on both of its outputs, and its exit code. */
async function say(...args: string[]): Promise<[number | null, string]> {
  const { code, stdout, stderr } = await muster(['schedule', ...args], machines.env);
  return [code, `${stderr}${stdout}`.trim()];
}

/** The times of the firings that became runs, the oldest first, once there are so many. */
async function untilStarted(id: string, count: number): Promise<ScheduleDetails> {
  return until(
    () => schedules.get(id),
    ({ firings }) => firings.started >= count,
    30_000,
  );
}

function taskFile(name: string, lines: string[]): string {
  const path = join(machines.dir, `${name}.yml`);
  writeFileSync(path, lines.join('\n'));
  return path;
}

const ONCE_A_YEAR = { cron: '0 0 1 1 *' };

it('starts runs of their own at an interval until it is deleted', async () => {
  const out = join(machines.dir, 'nightly');
  const echo = `echo $DSTACK_RUN_ID $WORD $MUSTER_SCHEDULED_TIME >> ${out}`;
  const lines = ['name: nightly', 'nodes: 2', 'shell: sh', `commands: ["${echo}"]`, 'env: [WORD]', 'schedule:'];
  const file = taskFile('nightly', [...lines, '  every: 1s']);
  const made = await muster(['schedule', 'apply', file], { ...machines.env, WORD: 'first' });
  expect([made.code, made.stderr.trim()]).toEqual([0, expect.stringMatching(/^The schedule nightly was made; it fires next at 20\d\d-\d\d-\d\d [\d:]+Z$/)]);
  const { lastFirings } = await untilStarted('nightly', 3);
  const [listed] = (await muster(['schedule', 'list', '--json'], machines.env)).stdout.split('\n');
  expect(JSON.parse(listed ?? '')).toMatchObject({ id: 'nightly', nodes: 2, paused: false, schedule: { cron: [], everySeconds: 1, timeZone: 'UTC' } });
  const runs = lastFirings.map(({ run }) => run);
  expect(runs.every((run) => /^run-nightly-at-\d{4}-\d\d-\d\dT[\d:]+Z$/.test(run))).toBe(true);
  const final = await untilPhase(machines.client, runs[0] ?? '', 'succeeded');
  expect(final).toMatchObject({
    name: 'nightly',
    nodes: [
      { rank: 0, exitCode: 0 },
      { rank: 1, exitCode: 0 },
    ],
  });
  expect(readLines(out).filter((line) => line === `${final.runId} first ${runs[0]?.slice('run-nightly-at-'.length)}`)).toHaveLength(2);

  const changed = await muster(['schedule', 'apply', taskFile('nightly', [...lines, '  cron: "0 0 1 1 *"'])], { ...machines.env, WORD: 'second' });
  expect([changed.code, changed.stderr]).toEqual([0, expect.stringMatching(/^The schedule nightly was changed; it fires next at 20\d\d-01-01 00:00:00Z\n$/)]);
  const table = await muster(['schedule', 'list'], machines.env);
  expect(table.stdout).toContain('0 0 1 1 * UTC');

  expect(await say('delete', 'nightly')).toEqual([0, 'The schedule nightly was deleted']);
  await until(() => schedules.list(), []);
  expect(await say('delete', 'nightly')).toEqual([2, 'There is no schedule nightly that starts runs; `muster schedule list` lists them']);
  expect(new Set(readLines(out).map((line) => line.split(' ')[1]))).toEqual(new Set(['first']));
});

it('leaves out the firings that come while the run before goes on, and counts them', async () => {
  const out = join(machines.dir, 'slow');
  const commands = [`echo start $MUSTER_SCHEDULED_TIME >> ${out}`, 'sleep 3', `echo end $MUSTER_SCHEDULED_TIME >> ${out}`];
  await schedules.apply({ name: 'slow', shell: 'sh', commands, schedule: { every: '2s' } });
  const { lastFirings } = await untilStarted('slow', 3);
  await schedules.pause('slow');
  const { firings, running } = await schedules.get('slow');
  await until(() => readLines(out).length, firings.started * 2, 30_000);
  // Never two at once: every start is followed by its own end.
  const times = readLines(out).map((line) => line.split(' '));
  expect(times.map(([word]) => word)).toEqual(Array.from({ length: firings.started }, () => ['start', 'end']).flat());
  expect(times.every(([, time], index) => time === times[index - (index % 2)]?.[1])).toBe(true);
  // Every firing is one or the other.
  const of = lastFirings.map(({ scheduledAtMs }) => scheduledAtMs);
  const between = (Math.max(...of) - Math.min(...of)) / 2_000 + 1;
  expect(of.every((each) => each % 2_000 === 0)).toBe(true);
  expect(firings.skipped).toBeGreaterThanOrEqual(between - of.length);
  expect(between - of.length).toBeGreaterThanOrEqual(2);
  expect([firings.missed, firings.dropped, running.length <= 1]).toEqual([0, 0, true]);
  await schedules.delete('slow');
});

it('makes up for an hour of the past, a run for each firing, one after the other', async () => {
  const out = join(machines.dir, 'hourly');
  const commands = [`echo $MUSTER_SCHEDULED_TIME >> ${out}`];
  await schedules.apply({ name: 'hourly', shell: 'sh', commands, schedule: { cron: '*/10 * * * *', time_zone: 'Europe/Berlin' } });
  await schedules.pause('hourly');
  const range = ['--from', '2026-01-01 01:00', '--to', '2026-01-01 02:00'];
  expect(await say('backfill', 'hourly', ...range)).toEqual([
    0,
    'The schedule hourly makes up for 7 firings, from 2026-01-01T00:00:00Z to 2026-01-01T01:00:00Z (overlap: buffer_all); `muster schedule show hourly` tells how it goes',
  ]);
  const wanted = ['00:00', '00:10', '00:20', '00:30', '00:40', '00:50', '01:00'].map((time) => `2026-01-01T${time}:00Z`);
  await until(() => readLines(out), wanted, 60_000);
  const { lastFirings } = await until(
    () => schedules.get('hourly'),
    (seen) => seen.lastFirings.length === 7 && seen.lastFirings.every(({ phase }) => phase === 'succeeded'),
    30_000,
  );
  expect(lastFirings.map(({ run }) => run)).toEqual(wanted.map((time) => `run-hourly-at-${time}`));

  const refused = await say('backfill', 'hourly', '--from', '2026-01-01 01:01', '--to', '2026-01-01 01:09');
  expect(refused).toEqual([1, 'The schedule hourly does not fire from 2026-01-01T00:01:00Z to 2026-01-01T00:09:00Z']);
  expect((await say('backfill', 'hourly', '--from', 'yesterday'))[1]).toMatch(/^--from takes a time such as `2026-12-01`, .*, not "yesterday"/);
  const library = async (from: string, to: string) => schedules.backfill('hourly', { from, to }).catch((error: Error) => error.message);
  expect(await library('2026-01-01', '2999-01-01')).toBe('The schedule hourly is not backfilled: 2998-12-31T23:00:00Z has not come yet');
  expect(await library('2026-01-02', '2026-01-01')).toMatch(/: 2026-01-01T23:00:00Z is later than 2025-12-31T23:00:00Z$/);
  expect(await library('2025-01-01', '2026-01-01')).toMatch(/fires more than 999 times .*: backfill a part of it$/);
  await schedules.delete('hourly');
});

it('starts a run by hand, which a run that goes on keeps from starting, or not, as asked', async () => {
  const out = join(machines.dir, 'by-hand');
  const go = join(machines.dir, 'by-hand-go');
  const commands = [`echo $MUSTER_SCHEDULED_TIME $MUSTER_START_NUMBER >> ${out}`, `test $MUSTER_START_NUMBER = 2`, `until test -e ${go}; do sleep 0.1; done`];
  await schedules.apply({ name: 'by-hand', shell: 'sh', restart: 1, commands, schedule: ONCE_A_YEAR });
  const [code, run] = await say('trigger', 'by-hand');
  expect([code, run]).toEqual([0, expect.stringMatching(/^run-by-hand-at-/)]);
  const time = run.slice('run-by-hand-at-'.length);
  // A restart keeps the time.
  await until(() => readLines(out), [`${time} 1`, `${time} 2`], 30_000);

  expect(await say('trigger', 'by-hand')).toEqual([
    1,
    `The schedule by-hand starts no run: ${run} goes on, and \`overlap\` is \`skip\`; add \`--overlap allow_all\` to start one beside it`,
  ]);
  const beside = await schedules.trigger('by-hand', { overlap: 'allow_all' });
  expect(beside).toMatchObject({ state: 'started' });
  await until(() => readLines(out).length, 4, 30_000);
  const [, later] = await say('trigger', 'by-hand', '--overlap', 'buffer_one');
  expect(later).toMatch(/^It starts when the run before has ended\nrun-by-hand-at-/);
  await expect(schedules.trigger('by-hand', { overlap: 'buffer_one' })).rejects.toThrow(/starts no run: another waits for run-by-hand-at-.* already/);
  machines.touch(go);
  await untilPhase(machines.client, later.split('\n')[1] ?? '', 'succeeded');
  expect((await schedules.get('by-hand')).lastFirings.map(({ phase }) => phase)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  await schedules.delete('by-hand');
});

it.each([
  ['cancel_other', 'Cancelled'],
  ['terminate_other', 'Terminated'],
] as const)('%s: the program of the run before has ended before the next one starts', async (overlap, reason) => {
  const out = join(machines.dir, overlap);
  const name = overlap.replace('_', '-');
  const trap = `trap 'sleep 0.5; echo end $MUSTER_SCHEDULED_TIME >> ${out}; exit 0' TERM`;
  const commands = [`${trap}; echo start $MUSTER_SCHEDULED_TIME >> ${out}; while :; do sleep 0.1; done`];
  await schedules.apply({ name, shell: 'sh', hosts: ['host-1'], commands, schedule: { ...ONCE_A_YEAR, overlap } });
  const first = (await schedules.trigger(name)).run;
  await until(() => readLines(out).length, 1, 30_000);
  const second = (await schedules.trigger(name)).run;
  const [a, b] = [first, second].map((run) => run.slice(`run-${name}-at-`.length));
  await until(() => readLines(out), [`start ${a}`, `end ${a}`, `start ${b}`], 60_000);
  const { lastFirings } = await schedules.get(name);
  expect(lastFirings.map(({ run, phase }) => [run, phase])).toEqual([
    [first, 'cancelled'],
    [second, 'running'],
  ]);
  await schedules.delete(name);
  await muster(['stop', second, '--now'], machines.env);
  expect((await untilPhase(machines.client, second, 'cancelled')).nodes[0]?.host).toBe('host-1');
  const described = await machines.client.workflow.getHandle(first).describe();
  expect(described.status.name).toBe(reason === 'Terminated' ? 'TERMINATED' : 'CANCELLED');
});

it('pauses after a failure, and by hand, and tells who has paused it and why', async () => {
  const task = { name: 'fails', shell: 'sh', commands: ['echo no disk; exit 3'], schedule: { every: '1s', pause_on_failure: true } };
  await schedules.apply(task);
  const untilPaused = () =>
    until(
      () => schedules.get('fails'),
      ({ paused }) => paused,
      30_000,
    );
  const { note, lastFirings } = await untilPaused();
  expect(note).toContain(`paused due to workflow failure: ${lastFirings[0]?.run}`);
  const [, shown] = await say('show', 'fails');
  expect(shown).toContain(`PAUSED: paused due to workflow failure: ${lastFirings[0]?.run}`);
  expect(shown).toMatch(/^\S+ \S+Z +failed +[\d.]+ m?s +run-fails-at-\S+Z +.*Node 0 on host-\d exited with code 3/m);
  expect(await say('pause', 'fails', '--note', 'mine')).toEqual([
    0,
    expect.stringMatching(/^The schedule fails is paused already, and stays as it is: paused due to/),
  ]);
  // Changing it leaves it paused.
  expect(await schedules.apply(task)).toMatchObject({ created: false, paused: true });

  const before = (await schedules.get('fails')).firings.started;
  expect((await say('resume', 'fails'))[1]).toMatch(
    /^The schedule fails fires again; `muster schedule backfill fails --from TIME` makes up for the time between$/,
  );
  await untilStarted('fails', before + 1);
  await untilPaused();
  await schedules.resume('fails');
  await schedules.apply({ name: 'fails', shell: 'sh', commands: ['true'], schedule: ONCE_A_YEAR });
  await until(async () => (await schedules.get('fails')).running, [], 30_000);
  expect(await schedules.resume('fails')).toMatchObject({ changed: false });
  expect(await say('pause', 'fails', '--note', 'disk swap')).toEqual([0, 'The schedule fails is paused; runs that it started go on']);
  expect((await say('show', 'fails'))[1]).toMatch(/^PAUSED: disk swap \(\S+ on \S+, \d{4}-[\dT:-]+Z\)$/m);
  await schedules.delete('fails');
});

it('fires by the clock of its time zone: not at a time that is left out, once at one that comes twice', async () => {
  const timesOf = async (cron: string, from: string, to: string) => {
    await schedules.apply({ name: 'dst', commands: ['true'], schedule: { cron, time_zone: 'Europe/Berlin' } });
    const range = { startTime: msToTs(Date.parse(from)), endTime: msToTs(Date.parse(to)) };
    const { startTime } = await machines.client.workflowService.listScheduleMatchingTimes({ namespace: 'default', scheduleId: 'dst', ...range });
    return startTime.map((time) => new Date(tsToMs(time)).toISOString().slice(5, 16));
  };
  expect(await timesOf('0 2 * * *', '2027-03-26T12:00Z', '2027-03-29T12:00Z')).toEqual(['03-27T01:00', '03-29T00:00']);
  expect(await timesOf('30 2 * * *', '2027-10-30T12:00Z', '2027-11-01T12:00Z')).toEqual(['10-31T01:30', '11-01T01:30']);
  expect(await timesOf('0 3 * * *', '2027-03-26T12:00Z', '2027-03-29T12:00Z')).toEqual(['03-27T02:00', '03-28T01:00', '03-29T01:00']);
  expect(await timesOf('0 * * * *', '2027-10-30T23:30Z', '2027-10-31T03:30Z')).toEqual(['10-31T00:00', '10-31T02:00', '10-31T03:00']);
  await schedules.delete('dst');
});

it('names everything that is wrong with a schedule before it is made', async () => {
  const apply = async (schedule: string) => (await say('apply', taskFile('bad', ['commands: ["true"]', schedule])))[1];
  expect(await apply('schedule: { cron: "61 * * * *", time_zone: Mars/Base }')).toMatch(
    /schedule\.cron: expected a cron expression.*\n.*schedule\.time_zone: expected a time zone/,
  );
  expect(await apply('name: bad')).toContain('schedule: expected a map with `cron` or `every`, got nothing');
  await until(() => schedules.list(), []);
});

it('does not touch a schedule that starts something else', async () => {
  const action = { type: 'startWorkflow' as const, workflowType: 'theirs', taskQueue: 'theirs', workflowId: 'theirs' };
  const theirs = await machines.client.schedule.create({ scheduleId: 'theirs', spec: { intervals: [{ every: '1 day' }] }, action });
  expect((await say('show', 'theirs'))[0]).toBe(2);
  const task = { commands: ['true'], schedule: ONCE_A_YEAR };
  const attempts: ((id: string) => Promise<unknown>)[] = [
    (id) => schedules.get(id),
    (id) => schedules.pause(id),
    (id) => schedules.resume(id),
    (id) => schedules.trigger(id),
    (id) => schedules.backfill(id, { from: '2026-01-01', to: '2026-02-01' }),
    (id) => schedules.delete(id),
  ];
  for (const id of ['theirs', 'nobodys']) {
    for (const attempt of attempts)
      await expect(attempt(id)).rejects.toThrow(`There is no schedule ${id} that starts runs; \`muster schedule list\` lists them`);
  }
  await expect(schedules.apply(task, { id: 'theirs' })).rejects.toThrow('There is no schedule theirs that starts runs');
  expect(await theirs.describe()).toMatchObject({ action: { workflowType: 'theirs' }, state: { paused: false }, info: { numActionsTaken: 0 } });
  expect(await schedules.list()).toEqual([]);
  await theirs.delete();
});
