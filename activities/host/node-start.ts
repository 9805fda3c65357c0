import type { RunNodeInput } from '../../spec/activities.js';
import type { Failure, FailureType } from '../../spec/failures.js';
import { cookie } from '../../spec/ids.js';
import type { NodeEnd } from '../../spec/nodes.js';
import type { HeldPort } from '../network/held-port.js';
import { isFromHere } from '../process/identity.js';
import { OutputTimes } from '../process/output-times.js';
import { readExit, readProgram, readShim, releaseShim, shimAlive } from '../process/start-dir.js';
import { terminateStart } from '../process/terminate.js';
import { watchExit } from '../process/watch.js';
import type { Agent } from './agent.js';
import { enterAlone } from './enter-alone.js';
import { watchHealth } from './health.js';
import { Journal } from './journal.js';
import { KeptPort } from './kept-port.js';
import { LostHosts } from './lost-hosts.js';
import { isFirstWave, type MeetingPlan, meet } from './meet.js';
import { exitedEnd, type FailedMore, failedEnd } from './node-end.js';
import { writeNodeFiles } from './node-files.js';
import { nodeFields, noteEnded, noteStarted } from './node-log.js';
import { boundOnce } from './output-keeper.js';
import { NotReady, passGate } from './readiness.js';
import { Resizing } from './resizing.js';
import { keepRoster } from './rosters.js';
import { type StartRecord, startDir } from './store.js';
import { asFailure, reportEnd, tellCleaned, tellHeard, tellReleased } from './tell.js';
import { Tie } from './tie.js';

/**
 * One start of a seat in this agent's life: meets the others, lets the program go, beats, and reports its end until that is
 * acknowledged. Everything needed to carry on is on disk; a successor makes the same object from it.
 */
export class NodeStart {
  readonly dir: string;
  /** Resolves once the end is known. */
  readonly ended: Promise<void>;
  #resolveEnded!: () => void;
  /** Resolves once there is nothing more to do about it: its end was reported, or nobody wants to know. */
  readonly closed: Promise<void>;
  #resolveClosed!: () => void;
  #abort = new AbortController();
  #watch: { close(): void } | undefined;
  #stopping: Promise<boolean> | undefined;
  /** The end of its processes that is under way, or was last. */
  #terminating: Promise<unknown> | undefined;
  readonly #port = new KeptPort();
  readonly times: OutputTimes;
  readonly #tie: Tie;
  readonly #journal: Journal;
  /** Takes over newer lists while the program goes. */
  readonly resizing: Resizing;
  /** Ends what goes on as long as the program does. */
  readonly #life = new AbortController();
  /** Aborts once its end is known, or this agent looks after it no more. */
  readonly over: AbortSignal = this.#life.signal;
  readonly #lostHosts = new LostHosts(this.#life.signal);
  #closed = false;

  constructor(
    private readonly agent: Agent,
    readonly record: StartRecord,
    private readonly onClosed: () => void,
  ) {
    this.dir = startDir(agent.dataDir, record.run.runId, record.startNumber);
    this.times = new OutputTimes(this.dir);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#journal = new Journal(agent, record, this.cookie);
    this.resizing = new Resizing(agent, record, this.dir, {
      save: (change) => this.#journal.save(change),
      onTaken: () => {
        agent.log.info({ event: 'list-changed', ...nodeFields(record) }, 'a node has taken over a new list');
        this.#lostHosts.call(this.record);
      },
      onFailed: (message) => this.#giveUp('ResizeFailed', message),
      signal: this.#life.signal,
    });
    this.#tie = new Tie(agent, record, this.dir, {
      onDue: () => this.#journal.catchUp(),
      onUnwanted: (why) => this.#giveBack(why),
      onSilent: (overdueMs) => this.#fenceItself(overdueMs),
    });
  }

  get cookie(): string {
    return cookie(this.record.run.runId, this.record.host, this.record.startNumber);
  }

  /** Takes up a start where the disk says it stands: after its preparation, or after a restart of the agent. */
  resume(): void {
    const { end, stage } = this.record;
    if (end) {
      this.#life.abort();
      this.#resolveEnded();
      if (stage === 'reported') this.#close();
      else void this.#report(end);
      return;
    }
    const program = readProgram(this.dir) ?? readShim(this.dir);
    if (program && !isFromHere(program) && !readExit(this.dir)) {
      return void this.#fail('HostRestarted', 'the machine, or its container, was restarted, and the program ended with it');
    }
    if (readProgram(this.dir)) this.#released();
    else if (!shimAlive(this.dir)) return void this.#shimLost('the process that waits to start the program was killed');
    this.#lostHosts.call(this.record);
    const { freePort } = this.record;
    if (freePort !== null && !readProgram(this.dir)) void this.#port.keepAgain(freePort, () => this.#wantsPort());
    // A broken meeting is taken up by the activity's next attempt, which comes when nobody beats for this one.
    if ((stage === 'meeting' && !readProgram(this.dir)) || this.#isMidWave()) this.#tie.letGo();
    // Its program may be ready, and gone, before the next attempt asks for it.
    if (this.#isMidWave()) this.#pass(this.#abort.signal).catch((error: unknown) => this.#gateFailed(error));
    this.#tie.begin();
    const why = this.record.ending?.why;
    if (why) void this.#endFor(why, why.type === 'Fenced' ? this.#tie.overdueMs : 0);
  }

  /** Holds a port until the program goes, or nothing comes of it. */
  hold(port: HeldPort | undefined): void {
    this.#port.keep(port, () => this.#wantsPort());
  }

  #wantsPort(): boolean {
    return !this.record.end && !this.#closed && this.record.stage !== 'released';
  }

  /** Its program goes, and others wait for it or for its equals. */
  #isMidWave(): boolean {
    const { stage, program, rank, opened } = this.record;
    return stage === 'released' && !opened && isFirstWave(program.startup, rank);
  }

  /**
   * Takes the activity that waits for the end, and goes to the barrier and from there to the program's end. Returns at once; at
   * most one meeting goes on.
   */
  begin(activity: { token: Uint8Array; workflowId: string; activityId: string }, input: RunNodeInput, deadlineAtMs: number): void {
    const alreadyReleased = this.record.stage === 'released';
    const { generation, rank, address, token, fence } = input;
    const over = this.record.end !== null || this.#stopping !== undefined;
    const midWave = this.#isMidWave();
    const again = midWave || this.record.stage === 'meeting';
    // Asked as it was before the list changed.
    const isOlder = generation < this.record.generation;
    this.#journal.save({
      ...{ token, address, fence: isOlder ? this.record.fence : fence },
      activity: { ...activity, token: Buffer.from(activity.token).toString('base64') },
      ...(alreadyReleased || over ? {} : { stage: 'meeting', generation, rank, spans: [{ from: 0, generation, rank }], reason: input.startReason }),
    });
    this.#tie.take(activity.token);
    if (input.again) void tellHeard(this.agent, activity.workflowId);
    if (!over) this.#lostHosts.call(this.record);
    if (over || isOlder || (alreadyReleased && !midWave && (rank > 0 || deadlineAtMs < Date.now()))) return;
    if (rank > 0) this.#port.letGo();
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const go = () => {
      this.#port.letGo();
      if (signal.aborted) return;
      this.record.stage = 'released';
      // A shim that takes no word had it before, or is dead: the watch tells which.
      releaseShim(this.dir, 'go');
      setImmediate(() => this.#released());
      noteStarted(this.agent, this.record);
    };
    const patienceMs = (this.record.program.startup.ready?.timeoutSeconds ?? 0) * 1000;
    const up = () => this.#pass(signal);
    const prepare = async (bytes: string) => {
      keepRoster(this.agent.dataDir, input.run.runId, bytes);
      await writeNodeFiles(this.agent, this.record, bytes);
    };
    const plan: MeetingPlan = {
      ...{ deadlineAtMs: deadlineAtMs + (again ? patienceMs : 0), patienceMs, signal, go, up, prepare, proven: [] },
      ...{ alreadyReleased: alreadyReleased && !midWave, isDone: () => readProgram(this.dir) !== undefined },
    };
    const entering = input.entry === 'alone' ? enterAlone(this.agent, this.record, input, go) : meet(this.agent, this.record, input, plan);
    entering
      .then(() => {
        if (input.entry === 'alone') return;
        if (this.record.program.startup.order !== 'any') this.#journal.save({ opened: true });
        if (input.rank === 0) void tellReleased(this.agent, this.record.run.handle, input.generation);
      })
      .catch((error: unknown) => {
        if (signal.aborted || this.#gateFailed(error) || this.record.stage === 'released') return;
        releaseShim(this.dir, 'abort');
        const { type, message, unreachable } = asFailure(error);
        void this.#fail(type, message, { unreachable });
      });
  }

  /** This node's gate, where its task has one. */
  async #pass(signal: AbortSignal): Promise<void> {
    const { address, program, up } = this.record;
    const { ready } = program.startup;
    if (up) return;
    if (ready !== null) await passGate(ready, { dir: this.dir, address, baseEnv: this.agent.baseEnv, signal });
    this.#journal.save({ up: true });
  }

  #gateFailed(error: unknown): boolean {
    if (!(error instanceof NotReady)) return false;
    this.#giveUp('NotReady', error.message);
    return true;
  }

  /**
   * Ends the start: the signal, the grace, SIGKILL. Idempotent; a second call with no grace hurries the first.
   * True: nothing of it is left.
   */
  stop(why: Failure, signal: NodeJS.Signals, graceMs: number): Promise<boolean> {
    if (!this.record.ending && !this.record.end) this.#journal.save({ ending: { why, gaveUp: false } });
    if (!this.#stopping) this.agent.log.info({ event: 'node-stopping', ...nodeFields(this.record), reason: why.type, signal, graceMs }, why.message);
    if (!this.#stopping || graceMs === 0) this.#stopping = this.#end(why, signal, graceMs);
    return this.#stopping;
  }

  async #end(why: Failure, signal: NodeJS.Signals, graceMs: number): Promise<boolean> {
    this.#abort.abort();
    if (this.record.end) return this.#terminate(signal, 0);
    if (!readProgram(this.dir)) releaseShim(this.dir, 'abort');
    const clean = await this.#terminate(signal, graceMs);
    if (!this.#watch) await this.#fail(why.type, why.message, { clean });
    return clean;
  }

  /** True: nothing of it is left. */
  async #terminate(signal: NodeJS.Signals, graceMs: number): Promise<boolean> {
    const terminating = terminateStart({ dir: this.dir, cookie: this.cookie, signal, graceMs });
    this.#terminating = terminating.catch(() => undefined);
    return (await terminating).clean;
  }

  #released(): void {
    if (this.#watch || this.#closed) return;
    this.#journal.save({ stage: 'released' });
    this.#watch = watchExit(this.dir, {
      onExit: (code, endedAtMs) => void this.#exited(code, endedAtMs),
      onShimLost: () => void this.#shimLost('the process that records the exit was killed; the program was ended'),
    });
    const { address, program } = this.record;
    const where = { dir: this.dir, address, baseEnv: this.agent.baseEnv, signal: this.#life.signal };
    this.resizing.resume();
    if (program.health) void watchHealth(program.health, where, (seen) => this.#giveUp('Unhealthy', seen));
  }

  /** Ends a program that did nothing wrong by its exit code. What is overdue comes off its grace. */
  #giveUp(type: FailureType, message: string, overdueMs = 0): void {
    if (this.record.ending || this.record.end) return;
    this.#journal.save({ ending: { why: { type, message }, gaveUp: true } });
    void this.#endFor({ type, message }, overdueMs);
  }

  /** As the task says. */
  #endFor(why: Failure, overdueMs = 0): Promise<boolean> {
    const { stopSignal: signal, stopDurationSeconds: grace } = this.record.program;
    return this.stop(why, signal as NodeJS.Signals, Math.max(0, grace * 1000 - overdueMs));
  }

  async #exited(code: number, endedAtMs: number): Promise<void> {
    this.#watch?.close();
    // They are not its helpers, which have a grace.
    this.agent.commands.endOf(this.cookie);
    const { ending } = this.record;
    const unready = () => this.#isMidWave() && !this.record.up;
    // The rest of a program that is being stopped has what is left of the grace.
    await this.#terminating;
    await this.#finish(
      await exitedEnd(
        this,
        { code, endedAtMs },
        { stopped: ending !== null, unready, gaveUp: () => (this.record.ending?.gaveUp ? this.record.ending.why : undefined) },
      ),
    );
  }

  async #shimLost(message: string): Promise<void> {
    this.#watch?.close();
    this.agent.commands.endOf(this.cookie);
    await this.#terminating;
    const { type, message: why } = this.record.ending?.why ?? { type: 'ShimLost' as const, message };
    await this.#fail(type, why, { clean: await this.#terminate('SIGKILL', 0) });
  }

  async #fail(type: FailureType, message: string, more?: FailedMore): Promise<void> {
    await this.#finish(await failedEnd(this, { type, message }, more));
  }

  async #finish(end: NodeEnd): Promise<void> {
    if (this.record.end) return;
    this.#journal.save({ end });
    this.agent.rosterNews.tell(this.record.run.runId, this.record.startNumber);
    this.times.note();
    void boundOnce(this.agent, this.dir);
    this.#port.letGo();
    this.#abort.abort();
    this.#life.abort();
    // A command may have begun while what was left was being ended.
    this.agent.commands.endOf(this.cookie);
    this.#resolveEnded();
    noteEnded(this.agent, this.record, end);
    await this.#report(end);
  }

  /** By activity id, which works on an attempt that nobody has taken yet. Ends when it is acknowledged or nobody wants it. */
  async #report(end: NodeEnd): Promise<void> {
    this.#tie.pause();
    const { activity } = this.record;
    if (activity) await reportEnd(this.agent, activity, end, this.cookie, () => this.#closed);
    if (this.#closed) return;
    this.#journal.save({ stage: 'reported' });
    this.#close();
  }

  /** Forgets the start in this agent; the processes and the disk stay as they are. */
  detach(): void {
    this.#closed = true;
    this.#tie.stop();
    this.#port.letGo();
    this.#watch?.close();
    this.#abort.abort();
    this.#life.abort();
  }

  #close(): void {
    this.detach();
    this.onClosed();
    this.#resolveClosed();
  }

  /** Ends what its run does not want any more, and says so once nothing is left. */
  async #giveBack(why: string): Promise<void> {
    const clean = await this.#endFor({ type: 'Superseded', message: why });
    if (clean) await tellCleaned(this.agent, this.record.run.runId);
  }

  /** With `fencing: strict` a host that has not heard of Temporal for host_timeout ends its program: another may take its place by then. */
  #fenceItself(overdueMs: number): void {
    this.#giveUp(
      'Fenced',
      `its host did not reach Temporal for ${this.record.program.hostTimeoutSeconds} s, and ended it as \`fencing: strict\` says`,
      overdueMs,
    );
  }
}
