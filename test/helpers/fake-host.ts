import { ApplicationFailure, activityInfo, CompleteAsyncError, Context, heartbeat } from '@temporalio/activity';
import { ActivityNotFoundError } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import type {
  HostActivities,
  MeetingInput,
  NodeUpdate,
  PeerWord,
  RunNodeInput,
  StartNodeInput,
  StopNodeInput,
  UpdateNodeInput,
  WatchPeerInput,
} from '../../spec/activities.js';
import type { Failure, FailureType } from '../../spec/failures.js';
import { controlQueue, DEFAULT_FLEET, fleetWorkflowId, gatheringBase, hostQueue } from '../../spec/ids.js';
import { type HostAnnounced, hostAnnounced, nodeHeard, nodesReleased, WORKFLOW_TYPES } from '../../spec/messages.js';
import type { Beat, GatheredHost, NodeEnd } from '../../spec/nodes.js';
import { OWN_PROTOCOL, type ProtocolRange } from '../../spec/protocol.js';
import { IDENTITY, type WorkflowEnv } from './workflow-env.js';

/** How a fake host behaves, and what its program does. Times are real milliseconds. */
export interface FakeHostSettings {
  address?: string;
  labels?: Record<string, string>;
  gpus?: number;
  protocol?: ProtocolRange;
  /** The host answers `startNode` so late. */
  readyAfterMs?: number;
  /** null: the program runs until it is stopped. A list: that of each start in turn, the last one again and again. */
  exitCode?: number | null | (number | null)[];
  /** What becomes of it when it is asked about a silent peer; without it, it takes no such task. */
  sawPeer?: PeerWord | 'reachable';
  exitAfterMs?: number;
  lastLines?: string;
  failStart?: { type: FailureType; message: string };
  /** It does not take over a new list. */
  failUpdate?: Failure;
  /** It goes to the meeting for a new list so late. */
  updatesAfterMs?: number;
  /** It announces itself, and nobody serves its queue. */
  silent?: boolean;
  /** It takes `startNode` and never answers. */
  hangsInStart?: boolean;
  /** So long after the release the host falls silent: it neither beats nor polls. */
  loseHeartbeatAfterMs?: number;
  /** So many times its node fails with `BarrierBroken`. */
  breakBarrier?: number;
  /** Of any run, before it has taken part in one. */
  highestGeneration?: number;
  /** `stopNode` leaves the program alive and says that the host is not clean. */
  stopIgnored?: boolean;
  /** The host takes up `stopNode` so late. */
  stopsAfterMs?: number;
  /** The program ends at SIGKILL only. */
  ignoresStopSignal?: boolean;
}

interface Inputs {
  watchPeer: WatchPeerInput;
  startNode: StartNodeInput;
  runNode: RunNodeInput;
  updateNode: UpdateNodeInput;
  stopNode: StopNodeInput;
}

interface Start {
  number: number;
  gathering: string;
  generation: number;
  activity: { workflowId: string; activityId: string } | null;
  token: Uint8Array | null;
  released: boolean;
  end: NodeEnd | null;
  ended: Promise<NodeEnd>;
  finish(end: NodeEnd): void;
  beat?: NodeJS.Timeout;
}

/** What a fake host remembers of a run, as an agent does on its disk. */
interface Memory {
  generation: number;
  starts: Start[];
  tombstone: { generation: number; startNumber: number; gatherings: string[] };
}

/** A host without processes: real activities on a real queue. */
export class FakeHost {
  /** The names of the activities that were asked for, in order. */
  readonly calls: (keyof Inputs)[] = [];
  identity: string;
  alive = true;
  #inputs: { [K in keyof Inputs]: Inputs[K][] } = { startNode: [], runNode: [], updateNode: [], stopNode: [], watchPeer: [] };
  #memories = new Map<string, Memory>();
  #worker: Worker | undefined;
  #done: Promise<void> | undefined;
  /** Its looks for silent peers, which it reaches. */
  #looks: Uint8Array[] = [];

  constructor(
    private readonly env: WorkflowEnv,
    private readonly floor: Floor,
    readonly name: string,
    readonly address: string,
    readonly settings: FakeHostSettings,
  ) {
    this.identity = `identity-of-${name}`;
  }

  /** What an activity was asked for, call by call. */
  asked<K extends keyof Inputs>(activity: K): Inputs[K][] {
    return this.#inputs[activity];
  }

  get facts(): HostAnnounced['facts'] {
    return {
      host: this.name,
      identity: this.identity,
      address: this.address,
      ...this.#addresses(),
      cpus: 1,
      memoryMb: 1_024,
      gpus: this.settings.gpus ?? 0,
      gpuModel: null,
      gpuMemoryMb: null,
      labels: this.settings.labels ?? {},
      version: 'fake',
      protocol: this.settings.protocol ?? OWN_PROTOCOL,
    };
  }

  async announce(more: Partial<Omit<HostAnnounced, 'facts'>> = {}): Promise<void> {
    const { facts } = this;
    await this.env.client.workflow.signalWithStart(WORKFLOW_TYPES.fleet, {
      ...{ workflowId: fleetWorkflowId(DEFAULT_FLEET), taskQueue: controlQueue(DEFAULT_FLEET), args: [{ fleet: DEFAULT_FLEET }] },
      ...{ signal: hostAnnounced, signalArgs: [{ facts, runs: [], rebuilt: false, leaving: false, drained: false, ...more }] },
    });
  }

  /** Serves the host's queue, for the first time or after `fallSilent`, with what it remembers. */
  async serve(): Promise<void> {
    this.alive = true;
    this.#worker = await Worker.create({
      ...{ connection: this.env.connection, namespace: this.env.namespace, identity: IDENTITY },
      ...{ taskQueue: hostQueue(DEFAULT_FLEET, this.name), activities: this.activities(), shutdownGraceTime: 0 },
      activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 1 },
    });
    this.#done = this.#worker.run();
  }

  /** No more beats, no more polls; the programs live on. */
  async fallSilent(): Promise<void> {
    this.alive = false;
    for (const start of this.#allStarts()) clearInterval(start.beat);
    if (this.#worker?.getState() === 'RUNNING') this.#worker.shutdown();
    await this.#done;
    this.#worker = undefined;
  }

  /** Starts whose program lives. */
  running(): number {
    return this.#allStarts().filter(({ released, end }) => released && !end).length;
  }

  /** A program ends by itself. */
  exit(code: number): void {
    for (const start of this.#allStarts()) if (start.released) void this.#exit(start, code);
  }

  /** What it knew of its programs is lost, and they are ended. */
  loseState(): void {
    for (const start of this.#allStarts()) if (start.released) this.#fail(start, { type: 'HostStateLost', message: `host ${this.name} has lost its state` });
  }

  /** Reaches no peer any more, and says so of those that it looked for. */
  async losePeers(): Promise<void> {
    this.settings.sawPeer = { kind: 'unreachable', message: 'refused' };
    await Promise.all(this.#looks.map((token) => this.env.client.activity.complete(token, this.settings.sawPeer)));
  }

  /** The contract of `HostActivities`, without processes. */
  activities(): HostActivities {
    return {
      startNode: (input) => this.#startNode(input),
      runNode: (input) => this.#runNode(input),
      updateNode: (input) => this.#updateNode(input),
      stopNode: (input) => this.#stopNode(input),
      watchPeer: (input) => this.#watchPeer(input),
      readOutput: async () => ({ startNumber: 1, data: '', nextOffset: 0, size: 0, skippedBytes: 0, end: true }),
      describeHost: async () => ({ host: this.name, identity: this.identity, pid: 1, version: 'fake' }),
    };
  }

  async #startNode(input: StartNodeInput) {
    this.calls.push('startNode');
    this.#inputs.startNode.push(input);
    const { failStart, readyAfterMs, hangsInStart } = this.settings;
    if (hangsInStart) throw new CompleteAsyncError();
    if (readyAfterMs) await pause(readyAfterMs);
    if (failStart) throw ApplicationFailure.nonRetryable(failStart.message, failStart.type);
    const memory = this.#memory(input.run.runId);
    if (memory.tombstone.gatherings.includes(gatheringBase(input.gathering))) {
      throw ApplicationFailure.nonRetryable(`Host ${this.name}: this gathering was called off`, 'Superseded');
    }
    let start = memory.starts.find((known) => known.gathering === input.gathering && !known.end);
    if (!start) {
      for (const old of memory.starts) this.#fail(old, { type: 'Superseded', message: 'a newer start took its place' });
      const number = 1 + Math.max(0, memory.tombstone.startNumber, ...memory.starts.map((known) => known.number));
      start = newStart(number, input.gathering);
      memory.starts.push(start);
    }
    const highestGeneration = Math.max(memory.generation, memory.tombstone.generation);
    return { host: this.name, ...this.#addresses(), port: 7_000, gpus: 0, freePort: null, highestGeneration, startNumber: start.number };
  }

  #addresses(): Pick<GatheredHost, 'candidates' | 'told'> {
    const link = { interface: 'eth0', kind: 'physical' as const, speedMbit: null, defaultRoute: true, up: true };
    return {
      candidates: [{ ...link, address: this.address, prefixLength: 24, family: 4 }],
      told: { address: null, network: null, interface: null },
    };
  }

  async #runNode(input: RunNodeInput): Promise<NodeEnd> {
    this.calls.push('runNode');
    this.#inputs.runNode.push(input);
    const { heartbeatTimeoutMs = 30_000, taskToken, activityId, workflowExecution } = activityInfo();
    const memory = this.#memory(input.run.runId);
    const { tombstone } = memory;
    const start = memory.starts.find((known) => known.number === input.startNumber && known.gathering === input.gathering);
    const buried = input.generation <= tombstone.generation || tombstone.gatherings.includes(gatheringBase(input.gathering));
    if (start?.end) return start.end;
    if (!start || buried) return ended(input.startNumber, { type: 'Superseded', message: 'the start was called off before it began' });
    memory.generation = input.generation;
    start.generation = input.generation;
    if ((this.settings.breakBarrier ?? 0) > 0) {
      this.settings.breakBarrier = (this.settings.breakBarrier ?? 0) - 1;
      this.#fail(start, { type: 'BarrierBroken', message: `rank ${input.rank} could not be met` });
      return await start.ended;
    }
    start.token = taskToken;
    start.activity = { workflowId: workflowExecution?.workflowId ?? '', activityId };
    clearInterval(start.beat);
    if (input.again) await this.env.client.workflow.getHandle(start.activity.workflowId).signal(nodeHeard, { host: this.name });
    const beat = async () => {
      const details: Beat = { sentAtMs: await this.env.nowMs(), lastLines: this.settings.lastLines ?? '' };
      await this.env.client.activity.heartbeat(taskToken, details).catch(() => undefined);
    };
    void beat();
    start.beat = setInterval(() => void beat(), Math.min(heartbeatTimeoutMs / 3, 60_000));
    start.beat.unref();
    if (input.entry === 'alone' && !start.released) setImmediate(() => void this.#released(start, input));
    else if (!start.released) this.floor.arrive(input, () => void this.#released(start, input));
    throw new CompleteAsyncError();
  }

  async #released(start: Start, { run, rank, generation, entry }: RunNodeInput): Promise<void> {
    if (start.end || !this.alive) return;
    start.released = true;
    if (rank === 0 && entry === 'barrier')
      await this.env.client.workflow
        .getHandle(run.handle)
        .signal(nodesReleased, { generation })
        .catch(() => undefined);
    const { exitCode: codes = 0, exitAfterMs = 0, loseHeartbeatAfterMs } = this.settings;
    const exitCode = Array.isArray(codes) ? (codes.length > 1 ? (codes.shift() ?? null) : (codes[0] ?? null)) : codes;
    if (loseHeartbeatAfterMs !== undefined) setTimeout(() => void this.fallSilent(), loseHeartbeatAfterMs).unref();
    else if (exitCode !== null) setTimeout(() => void this.#exit(start, exitCode), exitAfterMs).unref();
  }

  async #watchPeer(input: WatchPeerInput): Promise<PeerWord> {
    this.calls.push('watchPeer');
    this.#inputs.watchPeer.push(input);
    const { sawPeer } = this.settings;
    if (sawPeer === undefined) throw ApplicationFailure.nonRetryable('it looks for nobody', 'Internal');
    if (sawPeer !== 'reachable') return sawPeer;
    const { taskToken } = activityInfo();
    this.#looks.push(taskToken);
    const timer = setInterval(() => void this.env.client.activity.heartbeat(taskToken).catch(() => clearInterval(timer)), 1_000);
    timer.unref();
    throw new CompleteAsyncError();
  }

  async #updateNode(input: UpdateNodeInput): Promise<NodeUpdate> {
    this.calls.push('updateNode');
    this.#inputs.updateNode.push(input);
    const memory = this.#memory(input.run.runId);
    const start = memory.starts.find((known) => known.number === input.startNumber);
    const { failUpdate } = { ...this.settings };
    if (!start || failUpdate) return { kind: 'failed', failure: failUpdate ?? { type: 'Superseded', message: 'no such start' }, unreachable: [] };
    const { cancelled } = Context.current();
    const beats = setInterval(() => heartbeat(), 200);
    const meets = new Promise<void>((resolve) => setTimeout(() => this.floor.arrive(input, resolve), this.settings.updatesAfterMs ?? 0));
    const late = pause(input.barrierDeadlineMs - (await this.env.nowMs()) + 2_000).then(() => 'late' as const);
    const calledOff = cancelled.catch(() => 'late' as const);
    const met = input.decided ? 'met' : await Promise.race([meets.then(() => 'met' as const), late, calledOff]);
    clearInterval(beats);
    if (met === 'late') return { kind: 'failed', failure: { type: 'BarrierBroken', message: 'not all came' }, unreachable: [] };
    memory.generation = input.generation;
    start.generation = input.generation;
    return { kind: 'updated' };
  }

  async #stopNode(input: StopNodeInput) {
    this.calls.push('stopNode');
    this.#inputs.stopNode.push(input);
    if (this.settings.stopsAfterMs) await pause(this.settings.stopsAfterMs);
    const memory = this.#memory(input.run.runId);
    const { tombstone } = memory;
    const isNewer = ({ gathering, generation, end }: Start) =>
      input.gathering !== null && gathering !== input.gathering && (generation === 0 ? !end : generation > input.generation);
    const meant = memory.starts.filter((start) => !isNewer(start));
    const startNumber = Math.max(0, ...meant.map(({ number }) => number));
    tombstone.generation = Math.max(tombstone.generation, input.generation);
    if (input.generation > 0) tombstone.startNumber = Math.max(tombstone.startNumber, startNumber);
    if (input.gathering) tombstone.gatherings.push(input.gathering);
    if (this.settings.stopIgnored) return { clean: false };
    for (const start of meant) {
      if (start.end) continue;
      const now = input.graceSeconds === 0;
      if (!start.released) this.#fail(start, { type: 'Stopped', message: 'the run stopped its nodes' });
      else if (now || !this.settings.ignoresStopSignal) void this.#exit(start, now ? 137 : 143, true);
      else setTimeout(() => void this.#exit(start, 137, true), input.graceSeconds * 1000).unref();
      // A host that falls silent answers nobody.
      await Promise.race([start.ended, Context.current().cancelled]);
    }
    return { clean: true };
  }

  async #exit(start: Start, code: number, stopped = false): Promise<void> {
    const { lastLines = '' } = this.settings;
    await this.#finish(start, { kind: 'exited', outOfMemory: false, stopped, code, startNumber: start.number, endedAtMs: 0, lastLines, clean: true });
  }

  #fail(start: Start, failure: Failure): void {
    void this.#finish(start, ended(start.number, failure));
  }

  async #finish(start: Start, end: NodeEnd): Promise<void> {
    if (start.end) return;
    start.end = end;
    clearInterval(start.beat);
    start.finish(end);
    if (!start.activity) return;
    // By id, as an agent does: that works on an attempt that nobody has taken yet.
    await this.env.client.activity.complete(start.activity, end).catch((error: unknown) => {
      if (!(error instanceof ActivityNotFoundError)) throw error;
    });
  }

  #memory(runId: string): Memory {
    const generation = this.settings.highestGeneration ?? 0;
    const memory = this.#memories.get(runId) ?? { generation, starts: [], tombstone: { generation: 0, startNumber: 0, gatherings: [] } };
    this.#memories.set(runId, memory);
    return memory;
  }

  #allStarts(): Start[] {
    return [...this.#memories.values()].flatMap(({ starts }) => starts);
  }
}

/** Where the fake nodes of a generation meet: all are released together. */
export class Floor {
  #waiting = new Map<string, { rank: number; go: () => void }[]>();

  arrive({ run, generation, rank, nodes }: MeetingInput, go: () => void): void {
    const key = `${run.runId}/${generation}`;
    const others = (this.#waiting.get(key) ?? []).filter((other) => other.rank !== rank);
    const all = [...others, { rank, go }];
    this.#waiting.set(key, all);
    if (all.length < nodes) return;
    this.#waiting.delete(key);
    for (const one of all.sort((a, b) => a.rank - b.rank)) one.go();
  }
}

function newStart(number: number, gathering: string): Start {
  let finish: (end: NodeEnd) => void = () => undefined;
  const ends = new Promise<NodeEnd>((resolve) => {
    finish = resolve;
  });
  return { number, gathering, generation: 0, activity: null, token: null, released: false, end: null, ended: ends, finish };
}

function ended(startNumber: number, failure: Failure): NodeEnd {
  return { kind: 'failed', failure, unreachable: [], startNumber, endedAtMs: 0, lastLines: '', clean: true };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
