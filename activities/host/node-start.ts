import { ActivityCancelledError, ActivityNotFoundError } from '@temporalio/client';
import type { RunNodeInput } from '../../spec/activities.js';
import type { Failure, FailureType } from '../../spec/failures.js';
import { cookie, fleetWorkflowId } from '../../spec/ids.js';
import * as messages from '../../spec/messages.js';
import type { NodeEnd } from '../../spec/nodes.js';

import { lastLines } from '../process/output.js';
import { readLaunchFailure, readProgram, readShim, releaseShim, shimAlive } from '../process/start-dir.js';
import { findCarriers, terminateStart } from '../process/terminate.js';
import { watchExit } from '../process/watch.js';
import type { Agent } from './agent.js';
import { meet } from './meet.js';
import { askRun } from './run-wanted.js';
import { type StartRecord, startDir, writeStart } from './store.js';

/** A start that nobody has asked for again is checked so often: is its run still there? */
const ORPHAN_CHECK_MS = 30_000;
/** The same once its token was lost. */
const LOST_TOKEN_CHECK_MS = 2_000;
/** What helpers get that outlive their program. */
const HELPER_GRACE_MS = 5_000;
const RETRY_MAX_MS = 5_000;

/**
 * One start of a seat in this agent's life: meets the others, lets the program go, beats, and reports its end until that is
 * acknowledged. Everything needed to carry on is on disk; a successor makes the same object from it.
 */
export class NodeStart {
  readonly dir: string;
  /** Resolves once the end is known. */
  readonly ended: Promise<void>;
  #resolveEnded!: () => void;
  #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #watch: { close(): void } | undefined;
  #stopping: Promise<boolean> | undefined;
  #token: Uint8Array | null = null;
  #closed = false;

  constructor(
    private readonly agent: Agent,
    readonly record: StartRecord,
    private readonly onClosed: () => void,
  ) {
    this.dir = startDir(agent.dataDir, record.run.runId, record.startNumber);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    if (record.activity) this.#token = Buffer.from(record.activity.token, 'base64');
  }

  get cookie(): string {
    const { run, host, startNumber } = this.record;
    return cookie(run.runId, host, startNumber);
  }

  /** Takes up a start where the disk says it stands: after its preparation, or after a restart of the agent. */
  resume(): void {
    const { end, stage } = this.record;
    if (end) {
      this.#resolveEnded();
      if (stage === 'reported') this.#close();
      else void this.#report(end);
      return;
    }
    if (readProgram(this.dir)) this.#released();
    else if (!shimAlive(this.dir)) {
      void this.#fail('ShimLost', 'the process that waits to start the program was killed');
      return;
    }
    // A broken meeting is taken up by the activity's next attempt, which comes when nobody beats for this one.
    if (stage === 'meeting' && !readProgram(this.dir)) this.#token = null;
    this.#schedule(this.#token ? 0 : ORPHAN_CHECK_MS);
  }

  /**
   * Takes the activity that waits for the end, and goes to the barrier and from there to the program's end. Returns at once; at
   * most one meeting goes on.
   */
  begin(activity: { token: Uint8Array; workflowId: string; activityId: string }, input: RunNodeInput, deadlineAtMs: number): void {
    const alreadyReleased = this.record.stage === 'released';
    const over = this.record.end !== null || this.#stopping !== undefined;
    const { generation, rank } = input;
    this.#token = activity.token;
    this.#save({
      activity: { ...activity, token: Buffer.from(activity.token).toString('base64') },
      ...(alreadyReleased || over ? {} : { stage: 'meeting', generation, rank }),
    });
    this.#schedule(this.#beatMs());
    if (over || (alreadyReleased && (rank > 0 || deadlineAtMs < Date.now()))) return;
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const go = () => {
      if (!signal.aborted && releaseShim(this.dir, 'go')) setImmediate(() => this.#released());
    };
    meet(this.agent, this.record, input, { deadlineAtMs, signal, go, alreadyReleased })
      .then(() => {
        if (input.rank === 0) void this.#tellReleased(input.generation);
      })
      .catch((error: unknown) => {
        if (signal.aborted || this.record.stage === 'released') return;
        const { type, message } = asFailure(error);
        releaseShim(this.dir, 'abort');
        void this.#fail(type, message);
      });
  }

  /**
   * Ends the start: the signal, the grace, SIGKILL. Idempotent; a second call with no grace hurries the first.
   * True: nothing of it is left.
   */
  stop(why: Failure, signal: NodeJS.Signals, graceMs: number): Promise<boolean> {
    if (!this.#stopping || graceMs === 0) this.#stopping = this.#end(why, signal, graceMs);
    return this.#stopping;
  }

  async #end(why: Failure, signal: NodeJS.Signals, graceMs: number): Promise<boolean> {
    this.#abort.abort();
    if (this.record.end) return (await terminateStart({ dir: this.dir, cookie: this.cookie, signal, graceMs: 0 })).clean;
    if (!readProgram(this.dir)) releaseShim(this.dir, 'abort');
    const { clean } = await terminateStart({ dir: this.dir, cookie: this.cookie, signal, graceMs });
    if (!this.#watch) await this.#fail(why.type, why.message, { clean });
    return clean;
  }

  #released(): void {
    if (this.#watch) return;
    this.#save({ stage: 'released' });
    this.#watch = watchExit(this.dir, {
      onExit: (code, endedAtMs) => void this.#exited(code, endedAtMs),
      onShimLost: () => void this.#shimLost(),
    });
  }

  async #exited(code: number, endedAtMs: number): Promise<void> {
    this.#watch?.close();
    const launchFailure = readLaunchFailure(this.dir);
    if (launchFailure !== undefined) {
      const type = code === 127 ? 'CommandNotFound' : 'NodeSetupFailed';
      return this.#fail(type, launchFailure, { endedAtMs });
    }
    const clean = await this.#sweepHelpers();
    await this.#finish({
      ...{ kind: 'exited', code, startNumber: this.record.startNumber, endedAtMs },
      ...{ lastLines: await lastLines(this.dir), clean },
    });
  }

  async #sweepHelpers(): Promise<boolean> {
    const shim = readShim(this.dir);
    if (findCarriers(this.cookie).every(({ pid }) => pid === shim?.pid)) return true;
    const { stopSignal, stopDurationSeconds } = this.record.program;
    const graceMs = this.#stopping ? 0 : Math.min(HELPER_GRACE_MS, stopDurationSeconds * 1000);
    return (await terminateStart({ dir: this.dir, cookie: this.cookie, signal: stopSignal as NodeJS.Signals, graceMs })).clean;
  }

  async #shimLost(): Promise<void> {
    this.#watch?.close();
    const { clean } = await terminateStart({ dir: this.dir, cookie: this.cookie, signal: 'SIGKILL', graceMs: 0 });
    await this.#fail('ShimLost', 'the process that records the exit was killed; the program was ended', { clean });
  }

  async #fail(type: FailureType, message: string, more: { clean?: boolean; endedAtMs?: number } = {}): Promise<void> {
    await this.#finish({
      ...{ kind: 'failed', failure: { type, message }, startNumber: this.record.startNumber },
      ...{ endedAtMs: Date.now(), lastLines: await lastLines(this.dir), clean: true, ...more },
    });
  }

  async #finish(end: NodeEnd): Promise<void> {
    if (this.record.end) return;
    this.#save({ end });
    this.#abort.abort();
    this.#resolveEnded();
    await this.#report(end);
  }

  /** By activity id, which works on an attempt that nobody has taken yet. Ends when it is acknowledged or nobody wants it. */
  async #report(end: NodeEnd): Promise<void> {
    clearTimeout(this.#timer);
    const { activity } = this.record;
    for (let waitMs = 200; activity && !this.#closed; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        const { workflowId, activityId } = activity;
        await this.agent.client.activity.complete({ workflowId, activityId }, end);
        break;
      } catch (error) {
        if (error instanceof ActivityNotFoundError) break;
        this.agent.log.warn({ error: String(error), start: this.cookie }, 'the end of a node could not be reported yet');
        await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
      }
    }
    if (this.#closed) return;
    this.#save({ stage: 'reported' });
    this.#close();
  }

  /** Forgets the start in this agent; the processes and the disk stay as they are. */
  detach(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#watch?.close();
    this.#abort.abort();
  }

  #close(): void {
    this.detach();
    this.onClosed();
  }

  async #tellReleased(generation: number): Promise<void> {
    const run = this.agent.client.workflow.getHandle(this.record.run.handle);
    await run.signal(messages.nodesReleased, { generation }).catch((error: unknown) => {
      this.agent.log.warn({ error: String(error) }, 'the run could not be told of the release');
    });
  }

  #beatMs(): number {
    return (Math.max(2, this.record.program.hostTimeoutSeconds / 5) * 1000) / 3;
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#check(), ms);
    this.#timer.unref();
  }

  /** One beat, or without a token one look at the run. */
  async #check(): Promise<void> {
    if (this.record.end) return;
    if (this.#token) {
      const token = this.#token;
      try {
        await this.agent.client.activity.heartbeat(token, { lastLines: await lastLines(this.dir) });
      } catch (error) {
        const lost = error instanceof ActivityNotFoundError || error instanceof ActivityCancelledError;
        if (lost && this.#token === token) {
          this.#token = null;
          return this.#check();
        }
      }
      return this.#schedule(this.#beatMs());
    }
    const { run, generation, program } = this.record;
    const wanted = await askRun(this.agent, run, generation);
    if (this.record.end || this.#closed) return;
    if (wanted === 'closed' || wanted === 'superseded') {
      const message = wanted === 'closed' ? 'the run is closed' : 'a newer generation leaves this host out';
      const clean = await this.stop({ type: 'Superseded', message }, program.stopSignal as NodeJS.Signals, program.stopDurationSeconds * 1000);
      if (clean) await this.#tellCleaned();
      return;
    }
    this.#schedule(this.record.stage === 'released' ? LOST_TOKEN_CHECK_MS : ORPHAN_CHECK_MS);
  }

  async #tellCleaned(): Promise<void> {
    const { client, fleet, host, log } = this.agent;
    const message = { host, runId: this.record.run.runId };
    await client.workflow
      .getHandle(fleetWorkflowId(fleet))
      .signal(messages.hostCleaned, message)
      .catch((error: unknown) => log.warn({ error: String(error) }, 'the fleet could not be told that the host is clean'));
  }

  #save(change: Partial<StartRecord>): void {
    Object.assign(this.record, change);
    writeStart(this.agent.dataDir, this.record);
  }
}

function asFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const type = error instanceof Error && 'type' in error && error.type === 'BarrierBroken' ? 'BarrierBroken' : 'NodeSetupFailed';
  return { type, message };
}
