import { randomUUID } from 'node:crypto';
import {
  type Client,
  isGrpcServiceError,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  type ScheduleHandle,
  ScheduleNotFoundError,
} from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { WORKFLOW_TYPES } from '../spec/messages.js';
import { found } from '../spec/task/problem.js';
import { OVERLAPS, type Overlap } from '../spec/task/schedule.js';
import { readZonedTime, TIME_WHAT, utcText } from '../spec/task/zoned-time.js';
import { abortable } from './abortable.js';
import { ANSWER_LIMIT_MS, invalidArgument } from './ask.js';
import { FiringRefused, InvalidTask, ScheduleNotFound } from './errors.js';
import { bringCode } from './files/bring.js';
import { pause } from './pause.js';
import { overlapPolicy, scheduledHandle, scheduleOptions } from './schedule-options.js';
import { detailsOf, type ScheduleDetails, type ScheduleStatus, statusOf } from './schedule-status.js';
import { readSubmitted, type TaskFile } from './submitted.js';
import { called } from './temporal-error.js';

export interface ApplyOptions {
  /** The schedule's id; the task's name if left out. */
  id?: string;
  /** Where bare names in `env` are looked up, now and not at each start; this process's own environment if left out. */
  env?: Record<string, string | undefined>;
  /** Where relative paths in `files` and `repos` begin; they are packed now, and not at each start. The working directory if left out. */
  baseDir?: string;
  /** Gives up packing and sending `files`, and the call itself; what Temporal has taken already is not taken back. */
  signal?: AbortSignal;
}

export interface Applied {
  id: string;
  created: boolean;
  /** A schedule that was paused stays so. */
  paused: boolean;
  /** null: it never fires. */
  nextAtMs: number | null;
}

/** `changed: false`: it was so already, and stays as it was. */
export interface PauseAnswer {
  changed: boolean;
  /** What was said at the last pause or resume. */
  note: string;
}

/** `waiting`: for the run before, as `overlap` says. */
export interface TriggerAnswer {
  /** The handle that the run has, or is to have. */
  run: string;
  state: 'started' | 'waiting';
}

export interface BackfillOptions {
  /** The beginning, itself included. A text is a date or a time in the schedule's time zone, if it does not end in `Z` or an offset: `2026-11-27 02:00`. */
  from: Date | string;
  /** The end, itself included; now if left out. Not in the future. */
  to?: Date | string;
  /** `buffer_all` if left out: one after the other, in their order. */
  overlap?: Overlap;
}

export interface Backfill {
  firings: number;
  firstAtMs: number;
  lastAtMs: number;
}

/** A message to a schedule is taken up at once, or Temporal has other troubles. */
const TAKEN_UP_MS = 10_000;
const LOOK_EVERY_MS = 50;
/** gRPC's number. */
const NOT_FOUND = 5;
/** As many times as Temporal tells at once, and as many firings as may wait. */
const MOST_TIMES = 1_000;
const MOST_SHOWN_RUNS = 3;

/**
 * Temporal Schedules that start runs: each firing is a run of its own, with a handle that ends in its time. Every method throws `TemporalUnreachable`, also
 * where Temporal does not answer a question within 10 s, and `TemporalRefused`.
 */
export class Schedules {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Makes the schedule that the task's `schedule` says, or gives an existing one of this id the new task and times; whether it is paused stays as it is.
   * Throws `InvalidTask`, also for a task without `schedule`, and the signal's reason when it aborts.
   */
  apply(task: TaskFile, { signal, ...options }: ApplyOptions = {}): Promise<Applied> {
    const work = () => this.#apply(task, options);
    return abortable(signal, (own) => (own ? this.#client.withAbortSignal(own, work) : work()));
  }

  async #apply(task: TaskFile, { id, env = process.env, baseDir = process.cwd() }: Omit<ApplyOptions, 'signal'>): Promise<Applied> {
    const { submitted: written, parsed } = readSubmitted(task, env, id ?? 'task');
    if (parsed.schedule === null) throw new InvalidTask([{ path: 'schedule', message: 'expected a map with `cron` or `every`, got nothing' }]);
    const submitted = await called(() => bringCode(this.#client, written, { fleet: parsed.fleet, baseDir, env }));
    const scheduleId = id ?? parsed.name;
    const options = scheduleOptions(scheduleId, submitted, parsed, parsed.schedule);
    const created = await this.#taken(() => this.#client.schedule.create(options)).then(
      () => true,
      (error: unknown) => {
        if (error instanceof ScheduleAlreadyRunning) return false;
        throw error;
      },
    );
    return this.#ours(scheduleId, async (handle) => {
      if (!created) await this.#taken(() => handle.update(({ state }) => ({ ...options, state })));
      const { paused, nextAtMs } = statusOf(await this.#answered(() => handle.describe()));
      return { id: scheduleId, created, paused, nextAtMs };
    });
  }

  /** The schedules of the namespace that start runs. Temporal's list is a moment behind. */
  async list(): Promise<ScheduleStatus[]> {
    const ids: string[] = [];
    const listed = this.#client.schedule.list()[Symbol.asyncIterator]();
    for (let next = await this.#answered(() => listed.next()); !next.done; next = await this.#answered(() => listed.next())) {
      const { scheduleId, action } = next.value;
      if (action?.workflowType === WORKFLOW_TYPES.run) ids.push(scheduleId);
    }
    const found: ScheduleStatus[] = [];
    for (const id of ids.sort()) {
      try {
        found.push(statusOf(await this.#answered(() => this.#client.schedule.getHandle(id).describe())));
      } catch (error) {
        // Deleted meanwhile.
        if (!(error instanceof ScheduleNotFoundError)) throw error;
      }
    }
    return found;
  }

  /** What the schedule did last, with the outcomes of its runs, and what it does next. Throws `ScheduleNotFound`, as all that follow do, also for a schedule that does not start runs. */
  get(id: string): Promise<ScheduleDetails> {
    return this.#ours(id, (_, description) => detailsOf(this.#client, description));
  }

  /** No more firings until it is resumed; runs go on. `note` says to everybody who reads of the schedule who has paused it, and why. */
  pause(id: string, { note = 'paused' }: { note?: string } = {}): Promise<PauseAnswer> {
    return this.#ours(id, async (handle, { state }) => {
      if (state.paused) return { changed: false, note: state.note ?? '' };
      await this.#answered(() => handle.pause(note));
      return { changed: true, note };
    });
  }

  /** Fires again from now on; `backfill` makes up for the time between. */
  resume(id: string, { note = 'resumed' }: { note?: string } = {}): Promise<PauseAnswer> {
    return this.#ours(id, async (handle, { state }) => {
      if (!state.paused) return { changed: false, note: state.note ?? '' };
      await this.#answered(() => handle.unpause(note));
      return { changed: true, note };
    });
  }

  /**
   * Fires once, now, also while it is paused; `overlap` of the schedule or, for once, of the call says what the run before means for it. Throws `FiringRefused` where that
   * run goes on and `overlap` is `skip`.
   */
  trigger(id: string, { overlap }: { overlap?: Overlap } = {}): Promise<TriggerAnswer> {
    return this.#ours(id, async (handle, description) => {
      const before = statusOf(description);
      const effective = overlap ?? before.overlap;
      const going = before.running.slice(0, MOST_SHOWN_RUNS).join(', ');
      if (effective === 'skip' && before.running.length > 0) {
        throw new FiringRefused(`The schedule ${id} starts no run: ${going} goes on, and \`overlap\` is \`skip\`; ${BESIDE}`);
      }
      if (effective === 'buffer_one' && before.firings.waiting > 0) {
        throw new FiringRefused(`The schedule ${id} starts no run: another waits for ${going} already, and \`overlap\` is \`buffer_one\`; ${BESIDE}`);
      }
      // A second is the finest grain of a handle.
      let atMs = Math.floor(Date.now() / 1_000) * 1_000;
      while (before.runs.some(({ run }) => run === scheduledHandle(id, atMs))) atMs += 1_000;
      const run = scheduledHandle(id, atMs);
      const triggerImmediately = { overlapPolicy: OVERLAP_NUMBERS[effective], scheduledTime: msToTs(atMs) };
      const patch = { ...this.#which(id), requestId: randomUUID(), patch: { triggerImmediately } };
      await this.#answered(() => this.#client.workflowService.patchSchedule(patch));
      const canWait = WAITING.includes(effective);
      for (const end = performance.now() + TAKEN_UP_MS; ; await pause(LOOK_EVERY_MS)) {
        const { runs, firings } = statusOf(await this.#answered(() => handle.describe()));
        if (runs.some((taken) => taken.run === run)) return { run, state: 'started' };
        const late = performance.now() > end;
        if (canWait && firings.waiting > (late ? 0 : before.firings.waiting)) return { run, state: 'waiting' };
        if (late)
          throw new FiringRefused(`The schedule ${id} has started no run within ${TAKEN_UP_MS / 1_000} s; \`muster schedule show ${id}\` says what goes on`);
      }
    });
  }

  /**
   * Fires for a time that has passed, once for each of the times at which the schedule fires or would have fired in it, whether they were missed or not; also while it is paused.
   * Returns once Temporal has taken it up. Throws `FiringRefused` where there are none, or a thousand and more.
   */
  backfill(id: string, { from: first, to: last = new Date(), overlap = 'buffer_all' }: BackfillOptions): Promise<Backfill> {
    return this.#ours(id, async (handle, { spec }) => {
      const [from, to] = [timeOf(first, spec.timezone), timeOf(last, spec.timezone)];
      if (to.getTime() > Date.now()) throw new FiringRefused(`The schedule ${id} is not backfilled: ${utcText(to.getTime())} has not come yet`);
      if (from > to) throw new FiringRefused(`The schedule ${id} is not backfilled: ${utcText(from.getTime())} is later than ${utcText(to.getTime())}`);
      const times = await this.#timesOf(id, from, to);
      const [firstAtMs, lastAtMs] = [times[0], times.at(-1)];
      if (firstAtMs === undefined || lastAtMs === undefined)
        throw new FiringRefused(`The schedule ${id} does not fire from ${utcText(from.getTime())} to ${utcText(to.getTime())}`);
      if (times.length >= MOST_TIMES) {
        throw new FiringRefused(
          `The schedule ${id} fires more than ${MOST_TIMES - 1} times from ${utcText(from.getTime())} to ${utcText(to.getTime())}: backfill a part of it`,
        );
      }
      await this.#answered(() => handle.backfill({ start: from, end: to, overlap: overlapPolicy(overlap) }));
      return { firings: times.length, firstAtMs, lastAtMs };
    });
  }

  /** Takes the schedule away; runs that it started go on. */
  delete(id: string): Promise<void> {
    return this.#ours(id, async (handle) => {
      await this.#answered(() => handle.delete());
    });
  }

  /** A namespace may hold other people's schedules. */
  async #ours<T>(id: string, work: (handle: ScheduleHandle, description: ScheduleDescription) => Promise<T>): Promise<T> {
    try {
      const handle = this.#client.schedule.getHandle(id);
      const description = await this.#answered(() => handle.describe()).catch((error: unknown) => {
        // No schedule has an id that is empty, or longer than Temporal takes.
        throw invalidArgument(error) === undefined ? error : new ScheduleNotFound(id);
      });
      if (description.action.workflowType !== WORKFLOW_TYPES.run) throw new ScheduleNotFound(id);
      return await work(handle, description);
    } catch (error) {
      throw isGone(error) ? new ScheduleNotFound(id) : error;
    }
  }

  /** One question to Temporal, and its answer in time. */
  #answered<T>(call: () => Promise<T>): Promise<T> {
    return called(() => this.#client.withDeadline(Date.now() + ANSWER_LIMIT_MS, call));
  }

  /** The same for a schedule that Temporal may find wrong. */
  #taken<T>(call: () => Promise<T>): Promise<T> {
    return this.#answered(call).catch((error: unknown) => {
      throw refused(error);
    });
  }

  async #timesOf(id: string, from: Date, to: Date): Promise<number[]> {
    // Temporal leaves out the beginning here, and not in a backfill.
    const range = { startTime: msToTs(from.getTime() - 1), endTime: msToTs(to.getTime()) };
    const { startTime } = await this.#answered(() => this.#client.workflowService.listScheduleMatchingTimes({ ...this.#which(id), ...range }));
    return startTime.map(tsToMs);
  }

  #which(scheduleId: string): { namespace: string; scheduleId: string } {
    return { namespace: this.#client.options.namespace, scheduleId };
  }
}

/** The mend of a refusal. */
const BESIDE = 'add `--overlap allow_all` to start one beside it';

/** As Temporal's protocol numbers them. */
const OVERLAP_NUMBERS = Object.fromEntries(OVERLAPS.map((overlap, index) => [overlap, index + 1])) as Record<Overlap, number>;
/** With which a firing waits for the run before. */
const WAITING: readonly Overlap[] = ['buffer_one', 'buffer_all', 'cancel_other'];

function timeOf(given: Date | string, timeZone: string | undefined): Date {
  const time = typeof given === 'string' ? readZonedTime(given, timeZone || 'UTC') : given.getTime();
  if (time === undefined || Number.isNaN(time)) throw new FiringRefused(`A backfill goes from one time to another: expected ${TIME_WHAT}, got ${found(given)}`);
  return new Date(time);
}

/** Deleted meanwhile, or never there. */
function isGone(error: unknown): boolean {
  return error instanceof ScheduleNotFoundError || (isGrpcServiceError(error) && error.code === NOT_FOUND);
}

function refused(error: unknown): unknown {
  const why = invalidArgument(error) ?? invalidSpec(error);
  return why === undefined ? error : new InvalidTask([{ path: 'schedule', message: `Temporal does not take it: ${why}` }]);
}

/** The SDK throws what Temporal says of invalid times as a TypeError of its own, without a cause: only its stack tells it from a bug. */
function invalidSpec(error: unknown): string | undefined {
  return error instanceof TypeError && /\bat \S*rethrowGrpcError\b/.test(error.stack ?? '') ? error.message : undefined;
}
