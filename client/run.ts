import { randomUUID } from 'node:crypto';
import {
  type Client,
  isGrpcCancelledError,
  QueryNotRegisteredError,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import type { OutputChunk, ReadOutputInput } from '../spec/activities.js';
import { hostQueue } from '../spec/ids.js';
import * as messages from '../spec/messages.js';
import type { RunStatus } from '../spec/nodes.js';
import type { ResizeWish } from '../spec/resize.js';
import type { Roster } from '../spec/roster.js';
import { abortable } from './abortable.js';
import { ANSWER_LIMIT_MS, ask, invalidArgument, isPassing, NoSuchWorkflow } from './ask.js';
import { RescaleRefused, RunEnded, RunNotFound, WaitTimedOut } from './errors.js';
import { type ExecOptions, type ExecResult, exec } from './exec.js';
import { type FollowOptions, follow, type OutputChoice, type RunEvent } from './follow.js';
import { unanswered } from './gathering.js';
import { closedStatus, outcomeOf } from './outcome.js';
import { pause } from './pause.js';
import type { OutputPiece } from './pieces.js';
import type { StoryEvent } from './story/event.js';
import { storyOf } from './story/history.js';
import { temporalError } from './temporal-error.js';

export interface WaitOptions {
  /** Milliseconds; without it the wait has no end but the run's. */
  limitMs?: number;
  signal?: AbortSignal;
}

export interface LogOptions extends OutputChoice {
  /** Goes on until the run has ended and everything was read; else ends where the output ends now. */
  follow?: boolean;
  signal?: AbortSignal;
}

export interface RescaleOptions {
  /** Hears each new thing that the rescale waits for, as a sentence. */
  onProgress?: (message: string) => void;
  signal?: AbortSignal;
}

const LOOK_EVERY_MS = 200;
const RETRY_AFTER_MS = 500;
const READ_START_MS = 10_000;
const READ_LIMIT_MS = 20_000;
const READ_ANSWER_MS = 4_000;

/** One run. It lives in Temporal: this is a way to ask and to tell it. */
export class Run {
  readonly #client: Client;
  readonly #workflow: WorkflowHandle;

  constructor(
    client: Client,
    /** The workflow id, by which everybody finds the run. */
    readonly handle: string,
    which: { runId?: string; firstExecutionRunId?: string } = {},
  ) {
    const { runId, firstExecutionRunId } = which;
    this.#client = client;
    this.#workflow = client.workflow.getHandle(handle, runId, firstExecutionRunId === undefined ? {} : { firstExecutionRunId });
  }

  /** What the run is doing, or how it ended. Throws `RunNotFound`, and `NobodyAnswers` for a run that goes on. */
  async status(): Promise<RunStatus> {
    const description = await this.#describe();
    if (description.status.name === 'RUNNING') return this.#query(() => this.#workflow.query(messages.status));
    return this.#final(description);
  }

  /** The sealed roster of the current generation; null before the first seal. Throws as `status` does. */
  roster(): Promise<Roster | null> {
    return this.#query(() => this.#workflow.query(messages.roster));
  }

  /** Hosts that were asked for a node and have not answered yet, while the run gathers. Throws `RunNotFound`. */
  async unanswered(): Promise<string[]> {
    return this.#found(() => unanswered(this.#client, this.handle));
  }

  /**
   * The final status, whatever the outcome; a connection that is lost meanwhile is waited for. Throws
   * `WaitTimedOut` after `limitMs`, `RunNotFound`, and the signal's reason when it aborts.
   */
  async wait({ limitMs, signal }: WaitOptions = {}): Promise<RunStatus> {
    const stop = new AbortController();
    const giveUp = () => stop.abort();
    const timer = limitMs === undefined ? undefined : setTimeout(giveUp, limitMs);
    signal?.addEventListener('abort', giveUp);
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (stop.signal.aborted) throw new WaitTimedOut(this.handle, limitMs ?? 0);
        try {
          return await abortable(stop.signal, (own = stop.signal) => this.#client.withAbortSignal(own, () => this.#final()));
        } catch (error) {
          if (!stop.signal.aborted && !isPassing(error) && !isGrpcCancelledError(error)) throw error;
          await pause(RETRY_AFTER_MS, stop.signal);
        }
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /**
   * Asks the run to stop, and returns once it has taken note; `wait` tells when it has ended. `graceful` sends the
   * task's stop signal and gives the nodes their grace, `now` kills. Throws `RunEnded`, `RunNotFound`, `NobodyAnswers`.
   */
  async stop({ mode = 'graceful' }: { mode?: messages.StopMode } = {}): Promise<messages.StopAnswer> {
    const updateId = randomUUID();
    return this.#tell(() => this.#workflow.executeUpdate(messages.stop, { args: [{ mode }], updateId }));
  }

  /**
   * Gives the run another number of nodes, or with `{groups: {workers: 5}}` the groups that are named; nothing changes before all newcomers
   * are ready. What the nodes that stay hear of it, `on_resize` in the task says.
   * Returns the status once the new generation runs; `onProgress` hears meanwhile what it waits for. Throws `RescaleRefused` with the reason,
   * also when a later wish takes its place; `RunEnded`, `RunNotFound`, `NobodyAnswers`; and the signal's reason when it aborts, which takes nothing back.
   */
  async rescale(size: number | ResizeWish, { onProgress, signal }: RescaleOptions = {}): Promise<RunStatus> {
    const updateId = randomUUID();
    const wanted = typeof size === 'number' ? { nodes: size } : size;
    await this.#tell(() => this.#workflow.executeUpdate(messages.rescale, { args: [wanted], updateId }));
    for (let last = ''; ; await pause(LOOK_EVERY_MS, ...(signal ? [signal] : []))) {
      signal?.throwIfAborted();
      const status = await abortable(signal, () => this.status()).catch((error: unknown) => {
        if (isPassing(error)) return undefined;
        throw error;
      });
      const wish = status?.resizes.find(({ id }) => id === updateId);
      if (status && (wish?.state === 'done' || status.endedAtMs !== null)) {
        if (wish?.state === 'done') return status;
        throw new RunEnded(this.handle);
      }
      if (wish === undefined) continue;
      if (wish.state !== 'waiting') throw new RescaleRefused(`The run ${this.handle} stays as it is: ${wish.message}`);
      if (wish.message !== last) onProgress?.(wish.message);
      last = wish.message;
    }
  }

  /**
   * The nodes' output, of all generations and of hosts that the run has left, merged in the order of time: exactly where the run is not followed,
   * and else as far as lines come within a moment of one another. What one node wrote is always in its order, each byte once. A piece may end
   * within a line: see `LineAssembler`. Hosts that cannot be read are tried again while they are in the run; of one that is lost come the last lines that it told. Throws `RunNotFound`.
   */
  async *logs({ follow: goOn = false, ...choice }: LogOptions = {}): AsyncGenerator<OutputPiece, void, undefined> {
    for await (const event of this.follow({ ...choice, output: goOn ? 'follow' : 'once' })) {
      if (event.kind === 'output') yield event.output;
    }
  }

  /** The output as in `logs`, together with every change of the status that was seen, the final one last. */
  follow(options: FollowOptions = {}): AsyncGenerator<RunEvent, void, undefined> {
    const source = {
      status: () => this.status(),
      look: () => this.#query(() => this.#workflow.query(messages.status)),
      wait: (signal: AbortSignal) => this.wait({ signal }),
      read: (status: RunStatus, host: string, input: ReadOutputInput, signal: AbortSignal) => this.#read(status.fleet, host, input, signal),
    };
    return follow(source, options);
  }

  /**
   * The run's story, from its submission to what happened last, the oldest event first; read from Temporal's history, also of a run that has ended, and also where no
   * control worker is there, though without what was decided about failures then. Ends with what there is now. Throws `RunNotFound`, and the signal's reason when it aborts.
   */
  async *events({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<StoryEvent, void, undefined> {
    signal?.throwIfAborted();
    const { runId } = await this.#describe();
    const failures = await this.status().then(
      (status) => status.failures ?? [],
      () => [],
    );
    try {
      yield* storyOf({ client: this.#client, handle: this.handle, runId, signal }, failures);
    } catch (error) {
      signal?.throwIfAborted();
      throw temporalError(error);
    }
  }

  /**
   * Runs a command in the place of a node: in the environment of its program, with the current list of addresses, and in its working directory. Resolves with how it ended, whatever its code;
   * what it leaves behind in the background is killed then. It ends with its node, with the agent of its host, and when this process is gone. Throws `RunEnded`, `RankNotFound`, `CommandRefused`, `CommandLost`,
   * `CommandTimedOut`, `RunNotFound`, `NobodyAnswers`, and the signal's reason when it aborts, once the command has ended.
   */
  async exec(options: ExecOptions): Promise<ExecResult> {
    return exec(
      this.handle,
      await this.status(),
      (status, host, activity, input, answerMs) => this.#call(status.fleet, host, activity, input, answerMs),
      options,
    );
  }

  /** A message that only a run which goes on takes. */
  async #tell<T>(message: () => Promise<T>): Promise<T> {
    try {
      return await ask(this.#client, `the run ${this.handle}`, message);
    } catch (error) {
      const refused = error instanceof WorkflowUpdateFailedError;
      if (!refused && !(error instanceof NoSuchWorkflow) && invalidArgument(error) === undefined) throw error;
      // What is no run refuses, too.
      await this.#describe();
      if (refused) throw new RescaleRefused(error.cause?.message ?? error.message, { cause: error });
      throw error instanceof NoSuchWorkflow ? new RunEnded(this.handle) : error;
    }
  }

  #read(fleet: string, host: string, input: ReadOutputInput, signal: AbortSignal): Promise<OutputChunk> {
    // An agent that is killed meanwhile takes the question along.
    return this.#client.withAbortSignal(signal, () => this.#call(fleet, host, 'readOutput', input, input.waitMs + READ_ANSWER_MS));
  }

  /** Has the agent of a host do something, at most for `answerMs` once it has begun. */
  #call<T>(fleet: string, host: string, activity: string, input: object, answerMs: number): Promise<T> {
    return this.#client.activity.execute<T>(activity, {
      id: `${activity}-${randomUUID()}`,
      taskQueue: hostQueue(fleet, host),
      args: [input],
      scheduleToStartTimeout: READ_START_MS,
      scheduleToCloseTimeout: READ_LIMIT_MS,
      startToCloseTimeout: answerMs,
      retry: { maximumAttempts: 1 },
    });
  }

  async #final(before?: WorkflowExecutionDescription): Promise<RunStatus> {
    // Nobody waits for the end of what is no run.
    if (before === undefined) await this.#describe();
    return this.#found(async () => {
      const outcome = await outcomeOf(this.#workflow);
      if ('status' in outcome) return outcome.status;
      const [description, known] = await Promise.all([this.#describe(), this.#query(() => this.#workflow.query(messages.status)).catch(() => undefined)]);
      return closedStatus(description, outcome.failure, known);
    });
  }

  /** What Temporal knows of the run. Throws `RunNotFound` also for a workflow that is no run. */
  async #describe(): Promise<WorkflowExecutionDescription> {
    const description = await this.#found(() => this.#client.withDeadline(Date.now() + ANSWER_LIMIT_MS, () => this.#workflow.describe()));
    if (description.type !== messages.WORKFLOW_TYPES.run) throw new RunNotFound(this.handle);
    return description;
  }

  async #query<T>(query: () => Promise<T>): Promise<T> {
    try {
      return await ask(this.#client, `the run ${this.handle}`, query);
    } catch (error) {
      if (error instanceof NoSuchWorkflow) throw new RunNotFound(this.handle);
      // The SDK says so of every question that Temporal finds invalid, be it for the handle.
      if (error instanceof QueryNotRegisteredError) await this.#describe();
      throw error;
    }
  }

  async #found<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      // No run has a handle that is empty, or longer than Temporal takes.
      if (error instanceof WorkflowNotFoundError || invalidArgument(error) !== undefined) throw new RunNotFound(this.handle);
      throw temporalError(error);
    }
  }
}
