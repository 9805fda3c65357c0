import { randomBytes } from 'node:crypto';
import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { controlQueue, runHandle } from '../spec/ids.js';
import { WORKFLOW_TYPES } from '../spec/messages.js';
import { bringCode } from './files/bring.js';
import { Run } from './run.js';
import { readSubmitted, summaryOf, type TaskFile } from './submitted.js';

export interface StartOptions {
  /** The run's handle. A run of this handle that goes on already is joined: to submit twice is to submit once. */
  id?: string;
  /** Where bare names in `env` are looked up; this process's own environment if left out. */
  env?: Record<string, string | undefined>;
  /** Where relative paths in `files` and `repos` begin; the working directory if left out. */
  baseDir?: string;
}

export interface ListOptions {
  /** At most so many, the newest first; 20 if left out. */
  limit?: number;
}

/** A row of `muster ps`, as Temporal's list knows it: a moment behind, and a run that was stopped reads as failed. */
export interface RunSummary {
  run: string;
  /** Of its latest execution. */
  runId: string;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  startedAtMs: number;
  endedAtMs: number | null;
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
   * Throws `InvalidTask` with every problem before anything is started.
   */
  async start(task: TaskFile, { id, env = process.env, baseDir = process.cwd() }: StartOptions = {}): Promise<Run> {
    const { submitted: written, parsed } = readSubmitted(task, env, id ?? 'task');
    const { name, fleet } = parsed;
    const submitted = await bringCode(this.#client, written, { fleet, baseDir, env });
    const start = (handle: string) =>
      this.#client.workflow.start(WORKFLOW_TYPES.run, {
        workflowId: handle,
        taskQueue: controlQueue(fleet),
        args: [submitted],
        workflowIdConflictPolicy: id === undefined ? 'FAIL' : 'USE_EXISTING',
        staticSummary: summaryOf(parsed),
      });
    for (;;) {
      const handle = id ?? runHandle(name, randomShort());
      try {
        const { firstExecutionRunId } = await start(handle);
        return new Run(this.#client, handle, { firstExecutionRunId });
      } catch (error) {
        if (id !== undefined || !(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    }
  }

  /** The run of this handle, or one execution of it. Asks nothing: a run that is not there shows at the first question. */
  get(handle: string, { runId }: { runId?: string } = {}): Run {
    return new Run(this.#client, handle, runId === undefined ? {} : { runId });
  }

  /** The newest runs first, running and ended. A run appears here a moment after its start. */
  async list({ limit = DEFAULT_LIMIT }: ListOptions = {}): Promise<RunSummary[]> {
    const found: RunSummary[] = [];
    if (limit < 1) return found;
    const query = `WorkflowType = '${WORKFLOW_TYPES.run}'`;
    for await (const { workflowId, runId, status, startTime, closeTime } of this.#client.workflow.list({ query, pageSize: limit })) {
      if (status.name === 'CONTINUED_AS_NEW') continue;
      const state = STATES[status.name] ?? 'running';
      found.push({ run: workflowId, runId, state, startedAtMs: startTime.getTime(), endedAtMs: closeTime?.getTime() ?? null });
      if (found.length >= limit) break;
    }
    return found;
  }
}

const STATES: Record<string, RunSummary['state']> = {
  COMPLETED: 'succeeded',
  FAILED: 'failed',
  TIMED_OUT: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'cancelled',
};

function randomShort(): string {
  return [...randomBytes(SHORT_LENGTH)].map((byte) => SHORT_ALPHABET[byte % SHORT_ALPHABET.length]).join('');
}
