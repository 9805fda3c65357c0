import { expect, it } from 'vitest';
import { FiringRefused, InvalidTask, Muster, ScheduleNotFound, type Schedules, TemporalRefused, TemporalUnreachable } from '../../../client/index.js';
import { fakeTemporal, rpc } from './fake-temporal.js';

const TASK = { name: 'nightly', commands: ['true'], schedule: { cron: '0 2 * * *' } };
const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing',
    (error: unknown) => error,
  );
/** One that fires for runs, as the server describes it. */
const DESCRIBED = {
  schedule: {
    spec: {},
    policies: {},
    state: {},
    action: { startWorkflow: { workflowId: 'x', workflowType: { name: 'musterRun' }, taskQueue: { name: 'q' } } },
  },
  info: { createTime: { seconds: 0, nanos: 0 } },
};

const CALLS: [string, (schedules: Schedules) => Promise<unknown>][] = [
  ['apply', (schedules) => schedules.apply(TASK)],
  ['list', (schedules) => schedules.list()],
  ['get', (schedules) => schedules.get('nightly')],
  ['pause', (schedules) => schedules.pause('nightly')],
  ['resume', (schedules) => schedules.resume('nightly')],
  ['trigger', (schedules) => schedules.trigger('nightly')],
  ['backfill', (schedules) => schedules.backfill('nightly', { from: new Date(0) })],
  ['delete', (schedules) => schedules.delete('nightly')],
];

it.each(CALLS)('%s says what it means that Temporal is away, or refuses', async (_, call) => {
  for (const [code, kind, message] of [
    [14, TemporalUnreachable, 'Temporal cannot be reached any more (why)'],
    [7, TemporalRefused, 'Temporal refuses: permission denied (why)'],
  ] as const) {
    const away = () => Promise.reject(rpc(code, 'WHATEVER', 'why'));
    const { schedules } = new Muster(fakeTemporal({ createSchedule: away, listSchedules: away, describeSchedule: away }));
    const error = await caught(call(schedules));
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toBe(message);
  }
});

it.each(CALLS)('%s waits ten seconds at most for each answer', async (name, call) => {
  const limits: (number | null)[] = [];
  const last = () => Promise.reject(rpc(14, 'UNAVAILABLE', 'why'));
  const answers = {
    createSchedule: () => ({}),
    listSchedules: () => ({ schedules: [{ scheduleId: 'nightly', info: { workflowType: { name: 'musterRun' } } }] }),
  };
  const described = { describeSchedule: () => DESCRIBED };
  const changes = { patchSchedule: last, deleteSchedule: last, listScheduleMatchingTimes: last };
  await caught(call(new Muster(fakeTemporal({ ...answers, ...described, ...changes }, limits)).schedules));
  // `resume` changes nothing, since it is not paused.
  expect(limits.length).toBe({ get: 1, resume: 1, apply: 3 }[name] ?? 2);
  for (const limit of limits) expect(limit).toBeGreaterThan(9_000);
  for (const limit of limits) expect(limit).toBeLessThanOrEqual(10_000);
});

it.each(CALLS.filter(([name]) => !['apply', 'list'].includes(name)))('%s of a schedule that none can be, or that is gone meanwhile', async (name, call) => {
  const refuse = () => Promise.reject(rpc(3, 'INVALID_ARGUMENT', 'ScheduleId is not set on request'));
  expect(await caught(call(new Muster(fakeTemporal({ describeSchedule: refuse })).schedules))).toBeInstanceOf(ScheduleNotFound);
  if (['get', 'resume'].includes(name)) return;
  const gone = () => Promise.reject(rpc(5, 'NOT_FOUND', 'schedule not found'));
  const changes = { patchSchedule: gone, deleteSchedule: gone, listScheduleMatchingTimes: gone };
  expect(await caught(call(new Muster(fakeTemporal({ describeSchedule: () => DESCRIBED, ...changes })).schedules))).toBeInstanceOf(ScheduleNotFound);
});

it('an empty id is named as such', async () => {
  const refuse = () => Promise.reject(rpc(3, 'INVALID_ARGUMENT', 'ScheduleId is not set on request'));
  const error = await caught(new Muster(fakeTemporal({ describeSchedule: refuse })).schedules.get(''));
  expect((error as Error).message).toBe('An empty text names no schedule; `muster schedule list` lists them');
});

it.each([
  ['Invalid schedule spec: no such day', 'no such day'],
  ['schedule id is too long', 'schedule id is too long'],
])('what Temporal finds wrong with a schedule is an invalid task: %s', async (details, why) => {
  const refuse = () => Promise.reject(rpc(3, 'INVALID_ARGUMENT', details));
  const exists = () => Promise.reject(rpc(6, 'ALREADY_EXISTS', 'it exists'));
  for (const answers of [{ createSchedule: refuse }, { createSchedule: exists, describeSchedule: () => DESCRIBED, updateSchedule: refuse }]) {
    const error = await caught(new Muster(fakeTemporal(answers)).schedules.apply(TASK));
    expect(error).toBeInstanceOf(InvalidTask);
    expect((error as Error).message).toBe(`The task is invalid: schedule: Temporal does not take it: ${why}`);
  }
});

it('a bug stays one', async () => {
  const bug = new TypeError('x is undefined');
  const client = fakeTemporal({});
  client.schedule.create = () => Promise.reject(bug);
  expect(await caught(new Muster(client).schedules.apply(TASK))).toBe(bug);
});

it('a time that cannot be read is told as a sentence', async () => {
  const { schedules } = new Muster(fakeTemporal({ describeSchedule: () => DESCRIBED }));
  const error = await caught(schedules.backfill('nightly', { from: 'yesterday' }));
  expect(error).toBeInstanceOf(FiringRefused);
  expect((error as Error).message).toMatch(/^A backfill goes from one time to another: expected .*, got "yesterday"$/);
});
