import { ApplicationFailure } from '@temporalio/activity';
import type { RunNodeInput, StartNodeInput, UpdateNodeInput } from '../../spec/activities.js';
import { cookie } from '../../spec/ids.js';
import type { NodeEnd, RunRef } from '../../spec/nodes.js';
import { holdPort } from '../network/held-port.js';
import { findStrangers } from '../process/carriers.js';
import { forkShim } from '../process/shim.js';
import { releaseShim } from '../process/start-dir.js';
import { endCarriers, endProcesses } from '../process/terminate.js';
import type { Agent } from './agent.js';
import { isBuried, superseded } from './called-off.js';
import { placeCode } from './files/place.js';
import { findInPath } from './find-in-path.js';
import { Journal } from './journal.js';
import { NodeStart } from './node-start.js';
import { removeOldStarts } from './old-starts.js';
import { Resizing } from './resizing.js';
import { REFILL_WHILE_RUNNING_MS, SpareShim } from './spare.js';
import { isTombstoneDamaged, listRuns, listStarts, readStart, readTombstone, type StartRecord, startDir, writeStart } from './store.js';

/** What was lost has taken its task's `stop_duration` along. */
const LOST_GRACE_MS = 30_000;

/** The starts that this agent looks after. At most one of a run lives; work on one run is done one after the other. */
export class Seats {
  readonly #starts = new Map<string, NodeStart>();
  readonly #turns = new Map<string, Promise<unknown>>();

  readonly #spare: SpareShim;

  constructor(private readonly agent: Agent) {
    this.#spare = new SpareShim(agent);
  }

  /** From now on starts may come: a shim is forked ahead. */
  expectStarts(): void {
    this.#spare.refill(0);
  }

  get(runId: string, startNumber: number): NodeStart | undefined {
    return this.#starts.get(cookie(runId, this.agent.host, startNumber));
  }

  ofRun(runId: string): NodeStart[] {
    return [...this.#starts.values()].filter(({ record }) => record.run.runId === runId);
  }

  all(): NodeStart[] {
    return [...this.#starts.values()];
  }

  /** The runs that this host holds processes of. */
  runs(): { runId: string; handle: string }[] {
    const byId = new Map([...this.#starts.values()].map(({ record: { run } }) => [run.runId, run.handle]));
    return [...byId].map(([runId, handle]) => ({ runId, handle }));
  }

  /** Finds on disk what a predecessor left, and carries on with it. */
  adopt(): number {
    for (const runId of listRuns(this.agent.dataDir)) {
      for (const number of listStarts(this.agent.dataDir, runId)) {
        const record = readStart(this.agent.dataDir, runId, number);
        if (record) {
          if (record.stage !== 'reported') this.#keep(record).resume();
          continue;
        }
        // Nobody can look after what nobody can read about; the run hears of it when it asks. A shim that waits carries no cookie yet.
        releaseShim(startDir(this.agent.dataDir, runId, number), 'abort');
        void endCarriers({ cookie: cookie(runId, this.agent.host, number), signal: 'SIGKILL', graceMs: 0 });
      }
    }
    this.#endLost();
    return this.#starts.size;
  }

  /** What a data directory that was lost had started: nobody else may ever ask for it. */
  #endLost(): void {
    const { dataDir, host, log, socketPath } = this.agent;
    const isKnown = (text: string) => {
      const [runId = '', of, number] = text.split('/');
      return of !== host || readStart(dataDir, runId, Number(number)) !== undefined;
    };
    const lost = findStrangers(socketPath, isKnown);
    if (lost.length === 0) return;
    log.warn({ event: 'strangers', cookies: [...new Set(lost.map((one) => one.cookie))] }, 'ending programs of which the data directory knows nothing');
    void endProcesses(lost, LOST_GRACE_MS);
  }

  /** Resolves when no start is looked after any more. */
  async untilEmpty(): Promise<void> {
    while (this.#starts.size > 0) await Promise.all(this.all().map((start) => start.closed));
  }

  /** Lets go of all starts without touching a process. Resolves when no shim is left that was forked ahead. */
  async detach(): Promise<void> {
    for (const start of this.#starts.values()) start.detach();
    await this.#spare.close();
  }

  /** Ends every process at once: for a dev stack, which leaves nothing behind. */
  async killAll(): Promise<void> {
    const why = { type: 'Stopped' as const, message: 'the dev stack has ended' };
    await Promise.all([...this.#starts.values()].map((start) => start.stop(why, 'SIGKILL', 0)));
  }

  /** Prepares the start of a gathering, or finds it. Before an older start is ended `stillWanted` is asked, which throws where nobody waits any more. */
  prepare(input: StartNodeInput, stillWanted: () => Promise<void>): Promise<{ highestGeneration: number; startNumber: number; freePort: number | null }> {
    return this.#inTurn(input.run, async () => {
      const { dataDir, host } = this.agent;
      const { runId } = input.run;
      if (isBuried(this.agent, runId, { gathering: input.gathering, generation: 0, startNumber: 0 })) {
        throw ApplicationFailure.nonRetryable(`Host ${host}: this gathering was called off`, 'Superseded');
      }
      if (isTombstoneDamaged(dataDir, runId)) throw stateLost(host, 'what says which work is over is damaged');
      if (this.ofRun(runId).length > 0) await stillWanted();
      const known = this.ofRun(runId).find(({ record }) => record.gathering === input.gathering && !record.end);
      const highestGeneration = this.#highestGeneration(runId);
      if (known) return { highestGeneration, startNumber: known.record.startNumber, freePort: known.record.freePort };
      const { shell, stopSignal, stopDurationSeconds } = input.program;
      if (!findInPath(shell, input.program.env['PATH'] ?? this.agent.baseEnv['PATH'])) {
        throw ApplicationFailure.nonRetryable(`Host ${host} has no ${shell}; install it there, or name another with \`shell:\``, 'CommandNotFound');
      }
      const message = 'a newer start took its place';
      await Promise.all(this.ofRun(runId).map((old) => old.stop({ type: 'Superseded', message }, stopSignal as NodeJS.Signals, stopDurationSeconds * 1000)));
      const startNumber = 1 + Math.max(readTombstone(dataDir, runId).startNumber, ...listStarts(dataDir, runId), 0);
      const freePort = await this.#create(input, startNumber);
      try {
        removeOldStarts(dataDir, runId, (number) => this.get(runId, number) !== undefined);
      } catch (error) {
        this.agent.log.warn({ event: 'old-starts-left', run: input.run.handle, error: String(error) }, 'old starts of a run could not be removed');
      }
      return { highestGeneration, startNumber, freePort };
    });
  }

  /** The start that `runNode` is about: its own, a new one where that was lost, or an end where it was called off. */
  find(input: RunNodeInput): Promise<NodeStart | NodeEnd> {
    return this.#inTurn(input.run, async () => {
      const { runId } = input.run;
      const { startNumber, generation, gathering } = input;
      const known = this.get(runId, startNumber);
      if (known && known.record.gathering === gathering) return known;
      const past = readStart(this.agent.dataDir, runId, startNumber);
      if (past?.gathering === gathering && past.end) return past.end;
      if (known || past || isBuried(this.agent, runId, { gathering, generation, startNumber })) return superseded(startNumber);
      // Whatever it was, nobody can look after it any more.
      await endCarriers({ cookie: cookie(runId, this.agent.host, startNumber), signal: 'SIGKILL', graceMs: 0 });
      throw stateLost(this.agent.host, `it does not know start ${startNumber} of the run`);
    });
  }

  /** What takes over newer lists for a start, also for one that has ended; undefined where this host does not know it. */
  resizingOf({ run: { runId }, startNumber }: UpdateNodeInput): Resizing | undefined {
    const live = this.get(runId, startNumber);
    if (live) return live.resizing;
    const record = readStart(this.agent.dataDir, runId, startNumber);
    if (!record) return undefined;
    const journal = new Journal(this.agent, record, cookie(runId, this.agent.host, startNumber));
    const nothing = () => undefined;
    const events = { save: (change: Partial<StartRecord>) => journal.save(change), onTaken: nothing, onFailed: nothing, signal: AbortSignal.abort() };
    return new Resizing(this.agent, record, startDir(this.agent.dataDir, runId, startNumber), events);
  }

  #highestGeneration(runId: string): number {
    const { dataDir } = this.agent;
    const seen = listStarts(dataDir, runId).map((number) => readStart(dataDir, runId, number)?.generation ?? 0);
    return Math.max(0, readTombstone(dataDir, runId).generation, ...seen);
  }

  async #create(input: StartNodeInput, startNumber: number): Promise<number | null> {
    const { agent } = this;
    const { run, gathering, program } = input;
    const held = program.dialects.length > 0 ? await holdPort() : undefined;
    try {
      await placeCode(agent, run.runId, program);
      const start = this.#keep({
        ...{ version: 1, run, host: agent.host, startNumber, gathering, program },
        ...{
          stage: 'prepared',
          generation: 0,
          rank: 0,
          spans: [],
          reason: 'first',
          oldList: null,
          address: '',
          token: '',
          up: false,
          opened: false,
          fence: [],
          ending: null,
          freePort: held?.port ?? null,
          activity: null,
          end: null,
        },
      });
      start.hold(held);
      const forked = this.#spare.take(start.dir);
      writeStart(agent.dataDir, start.record);
      if (!forked) {
        const { bootId, pidNamespace, baseEnv } = agent;
        await forkShim({ dir: start.dir, bootId, pidNamespace, baseEnv, cookie: start.cookie });
      }
      start.resume();
      this.#spare.refill(REFILL_WHILE_RUNNING_MS);
      return start.record.freePort;
    } catch (error) {
      held?.release();
      this.#starts.delete(cookie(run.runId, agent.host, startNumber));
      // The disk may have taken the shim and not the record, without which nobody would ever find it.
      releaseShim(startDir(agent.dataDir, run.runId, startNumber), 'abort');
      const message = `Host ${agent.host} could not prepare the node: ${error instanceof Error ? error.message : error}`;
      throw ApplicationFailure.nonRetryable(message, 'NodeSetupFailed');
    }
  }

  #keep(record: StartRecord): NodeStart {
    const id = cookie(record.run.runId, record.host, record.startNumber);
    const start = new NodeStart(this.agent, record, () => {
      this.#starts.delete(id);
      this.#spare.refill();
    });
    this.#starts.set(id, start);
    return start;
  }

  #inTurn<T>(run: RunRef, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(run.runId) ?? Promise.resolve()).then(work, work);
    this.#turns.set(run.runId, turn);
    const forget = () => {
      if (this.#turns.get(run.runId) === turn) this.#turns.delete(run.runId);
    };
    turn.then(forget, forget);
    return turn;
  }
}

function stateLost(host: string, what: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`Host ${host} has lost what it knew of the run: ${what}`, 'HostStateLost');
}
