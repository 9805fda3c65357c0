import { randomBytes } from 'node:crypto';
import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { controlQueue, runHandle } from '../spec/ids.js';
import { WORKFLOW_TYPES } from '../spec/messages.js';
import { abortable } from './abortable.js';
import { ANSWER_LIMIT_MS, invalidArgument } from './ask.js';
import { InvalidTask } from './errors.js';
import { bringCode } from './files/bring.js';
import { Run } from './run.js';
import { listed, OF_A_RUN, oneOf, quoted, STATUS_WORDS } from './run-query.js';
import { type RunsFound, type SearchOptions, searchRuns } from './run-search.js';
import { asSummary, type RunSummary } from './run-summary.js';
import { metadataOf, readSubmitted, type TaskFile } from './submitted.js';
import { called } from './temporal-error.js';

export interface StartOptions {
  /** The run's handle. A run of this handle that goes on already is joined: to submit twice is to submit once. */
  id?: string;
  /** Where bare names in `env` are looked up; this process's own environment if left out. */
  env?: Record<string, string | undefined>;
  /** Where relative paths in `files` and `repos` begin; the working directory if left out. */
  baseDir?: string;
  /** Gives up sending `files` and the start itself; a start that Temporal has taken already is not taken back. */
  signal?: AbortSignal;
}

/** Which runs. Conditions that are left out hold for all. */
export interface RunFilter {
  /** One of these states, as Temporal's list knows them: a run that was stopped has failed there. `search` asks the runs themselves. */
  state?: RunSummary['state'] | readonly RunSummary['state'][];
  /** Handles that begin so: those of runs that were started without an `id` are `run-<name>-…`. */
  prefix?: string;
  /** Epoch milliseconds: runs that were started then or later. */
  startedAfterMs?: number;
  signal?: AbortSignal;
}

export interface ListOptions extends RunFilter {
  /** At most so many; 20 if left out. */
  limit?: number;
}

const DEFAULT_LIMIT = 20;
const SHORT_ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const SHORT_LENGTH = 5;

/** The runs of one namespace. */
export class Runs {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Packs and sends the task's `files` and `repos`, starts a run, and returns once Temporal keeps it: from here on it goes on without us.
   * Throws `InvalidTask` with every problem before anything is started; `TemporalUnreachable`, after which the run may have been started all the same: with an
   * `id` it is safe to start again; `TemporalRefused`; and the signal's reason when it aborts.
   */
  async start(task: TaskFile, { signal, ...options }: StartOptions = {}): Promise<Run> {
    return this.#within(signal, () => this.#start(task, options));
  }

  async #start(task: TaskFile, { id, env = process.env, baseDir = process.cwd() }: Omit<StartOptions, 'signal'>): Promise<Run> {
    const { submitted: written, parsed } = readSubmitted(task, env, id ?? 'task');
    const { name, fleet } = parsed;
    const submitted = await bringCode(this.#client, written, { fleet, baseDir, env });
    const start = (handle: string) =>
      this.#client.workflow.start(WORKFLOW_TYPES.run, {
        workflowId: handle,
        taskQueue: controlQueue(fleet),
        args: [submitted],
        workflowIdConflictPolicy: id === undefined ? 'FAIL' : 'USE_EXISTING',
        ...metadataOf(parsed),
      });
    for (;;) {
      const handle = id ?? runHandle(name, randomShort());
      try {
        const { firstExecutionRunId } = await this.#answered(() => start(handle));
        return new Run(this.#client, handle, { firstExecutionRunId });
      } catch (error) {
        const why = invalidArgument(error);
        if (why !== undefined) throw new InvalidTask([{ path: '', message: `Temporal does not take it: ${why}` }]);
        if (id !== undefined || !(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    }
  }

  /** The run of this handle, or one execution of it. Asks nothing: a run that is not there shows at the first question. */
  get(handle: string, { runId }: { runId?: string } = {}): Run {
    return new Run(this.#client, handle, runId === undefined ? {} : { runId });
  }

  /**
   * Runs that go on, the newest first, then those that have ended, the last end first. A run appears here a moment after its start. Throws `TemporalUnreachable`, `TemporalRefused`, and the signal's reason.
   */
  async list({ limit = DEFAULT_LIMIT, ...filter }: ListOptions = {}): Promise<RunSummary[]> {
    const found: RunSummary[] = [];
    if (limit < 1) return found;
    for await (const run of this.#pages(filter, Math.min(limit, PAGE))) {
      found.push(run);
      if (found.length >= limit) break;
    }
    return found;
  }

  /** The same in the same order, without a limit, read page by page as they are taken: `for await (const { run } of muster.runs.all({ state: 'running' }))`. */
  all(filter: RunFilter = {}): AsyncGenerator<RunSummary, void, undefined> {
    return this.#pages(filter, PAGE);
  }

  /**
   * Runs by phase and by their task's name, in the same order, together with the status of each, which is asked for.
   * Where the namespace has the search attributes `MusterPhase` and `MusterName`, Temporal's list leaves out nearly all others; else each of the newest
   * 2,000 runs is asked. Throws as `list` does.
   */
  search({ signal, ...options }: SearchOptions = {}): Promise<RunsFound> {
    return this.#within(signal, () => searchRuns(this.#client, options, ({ run, runId }) => this.get(run, { runId }).status()));
  }

  async *#pages(filter: RunFilter, pageSize: number): AsyncGenerator<RunSummary, void, undefined> {
    if (Array.isArray(filter.state) && filter.state.length === 0) return;
    const pages = listed(this.#client, queryOf(filter), pageSize);
    for (;;) {
      const { value, done } = await this.#within(filter.signal, () => pages.next());
      if (done) return;
      const summary = asSummary(value);
      if (summary) yield summary;
    }
  }

  async #within<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    return abortable(signal, (own) => called(() => (own ? this.#client.withAbortSignal(own, work) : work())));
  }

  #answered<T>(call: () => Promise<T>): Promise<T> {
    return this.#client.withDeadline(Date.now() + ANSWER_LIMIT_MS, call);
  }
}

const PAGE = 200;

/** The query of Temporal's list for these runs. */
export function queryOf({ state, prefix, startedAfterMs }: RunFilter): string {
  const states = [state ?? []].flat().flatMap((each) => STATUS_WORDS[each]);
  return [
    OF_A_RUN,
    ...(state === undefined ? [] : [oneOf('ExecutionStatus', states)]),
    ...(prefix === undefined ? [] : [`WorkflowId STARTS_WITH ${quoted(prefix)}`]),
    ...(startedAfterMs === undefined ? [] : [`StartTime >= ${quoted(new Date(startedAfterMs).toISOString())}`]),
  ].join(' AND ');
}

function randomShort(): string {
  return [...randomBytes(SHORT_LENGTH)].map((byte) => SHORT_ALPHABET[byte % SHORT_ALPHABET.length]).join('');
}
