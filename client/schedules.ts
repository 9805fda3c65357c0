import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  type ScheduleHandle,
  ScheduleNotFoundError,
  type ScheduleOptions,
} from '@temporalio/client';
import { controlQueue, runHandle } from '../spec/ids.js';
import { WORKFLOW_TYPES } from '../spec/messages.js';
import { parseTask } from '../spec/task/parse.js';
import type { TaskSchedule } from '../spec/task/schedule.js';
import type { Task } from '../spec/task/task.js';
import { invalidArgument } from './ask.js';
import { InvalidTask, ScheduleNotFound } from './errors.js';
import { bringCode } from './files/bring.js';
import { readSubmitted, summaryOf, type TaskFile } from './submitted.js';

export interface ApplyOptions {
  /** The schedule's id; the task's name if left out. */
  id?: string;
  /** Where bare names in `env` are looked up, now and not at each start; this process's own environment if left out. */
  env?: Record<string, string | undefined>;
  /** Where relative paths in `files` and `repos` begin; they are packed now, and not at each start. The working directory if left out. */
  baseDir?: string;
}

/** A schedule as `muster schedule list` shows it. Temporal's list is a moment behind. */
export interface ScheduleStatus {
  id: string;
  name: string;
  fleet: string;
  nodes: number;
  /** null where it was made with other means than `apply`. */
  schedule: TaskSchedule | null;
  paused: boolean;
  /** The newest last; at most ten. */
  runs: { run: string; scheduledAtMs: number }[];
  nextAtMs: number | null;
}

/** Temporal Schedules that start runs: each firing is a run of its own, with a handle that ends in its time. */
export class Schedules {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Makes the schedule that the task's `schedule` says, or gives an existing one of this id the new task and times; whether it is paused stays as it is. A firing while the
   * last run still goes on is left out. Throws `InvalidTask`, also for a task without `schedule`.
   */
  async apply(task: TaskFile, { id, env = process.env, baseDir = process.cwd() }: ApplyOptions = {}): Promise<{ id: string; created: boolean }> {
    const { submitted: written, parsed } = readSubmitted(task, env, id ?? 'task');
    if (parsed.schedule === null) throw new InvalidTask([{ path: 'schedule', message: 'expected a map with `cron` or `every`, got nothing' }]);
    const submitted = await bringCode(this.#client, written, { fleet: parsed.fleet, baseDir, env });
    const scheduleId = id ?? parsed.name;
    const options = optionsOf(scheduleId, submitted, parsed, parsed.schedule);
    try {
      await this.#client.schedule.create(options);
      return { id: scheduleId, created: true };
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw refused(error);
    }
    const handle = this.#client.schedule.getHandle(scheduleId);
    await refuseForeign(handle);
    await handle.update(({ state, policies }) => ({ ...options, state, policies })).catch((error: unknown) => Promise.reject(refused(error)));
    return { id: scheduleId, created: false };
  }

  /** The schedules of the namespace that start runs. */
  async list(): Promise<ScheduleStatus[]> {
    const ids: string[] = [];
    for await (const { scheduleId, action } of this.#client.schedule.list()) if (action?.workflowType === WORKFLOW_TYPES.run) ids.push(scheduleId);
    const found: ScheduleStatus[] = [];
    for (const id of ids.sort()) {
      try {
        found.push(statusOf(await this.#client.schedule.getHandle(id).describe()));
      } catch (error) {
        // Deleted meanwhile.
        if (!(error instanceof ScheduleNotFoundError)) throw error;
      }
    }
    return found;
  }

  /** Takes the schedule away; runs that it started go on. Throws `ScheduleNotFound`, also for a schedule that does not start runs. */
  async delete(id: string): Promise<void> {
    try {
      const handle = this.#client.schedule.getHandle(id);
      await refuseForeign(handle);
      await handle.delete();
    } catch (error) {
      throw error instanceof ScheduleNotFoundError ? new ScheduleNotFound(id) : error;
    }
  }
}

/** A namespace may hold other people's schedules. */
async function refuseForeign(handle: ScheduleHandle): Promise<void> {
  const { action } = await handle.describe();
  if (action.workflowType !== WORKFLOW_TYPES.run) throw new ScheduleNotFound(handle.scheduleId);
}

function optionsOf(scheduleId: string, submitted: TaskFile, task: Task, schedule: TaskSchedule): ScheduleOptions {
  const { cron, everySeconds, timeZone } = schedule;
  return {
    scheduleId,
    spec: {
      timezone: timeZone,
      ...(cron.length > 0 ? { cronExpressions: cron } : {}),
      ...(everySeconds === null ? {} : { intervals: [{ every: everySeconds * 1000 }] }),
    },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOW_TYPES.run,
      // Temporal appends the time of the firing.
      workflowId: runHandle(scheduleId, 'at'),
      taskQueue: controlQueue(task.fleet),
      args: [submitted],
      staticSummary: summaryOf(task),
    },
  };
}

function statusOf({ scheduleId, state, info, action }: ScheduleDescription): ScheduleStatus {
  const parsed = parseTask(action.args?.[0], { defaultName: scheduleId });
  const { name, fleet, nodes, schedule } = parsed.ok ? parsed.task : { name: scheduleId, fleet: '', nodes: 0, schedule: null };
  return {
    ...{ id: scheduleId, name, fleet, nodes, schedule, paused: state.paused },
    runs: info.recentActions.map(({ action: { workflow }, scheduledAt }) => ({ run: workflow.workflowId, scheduledAtMs: scheduledAt.getTime() })),
    nextAtMs: info.nextActionTimes[0]?.getTime() ?? null,
  };
}

function refused(error: unknown): unknown {
  const why = invalidArgument(error);
  return why === undefined ? error : new InvalidTask([{ path: 'schedule', message: `Temporal does not take it: ${why}` }]);
}
