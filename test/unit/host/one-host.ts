import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, uptime } from 'node:os';
import { join } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { afterEach } from 'vitest';
import type { Agent } from '../../../activities/host/agent.js';
import { Commands } from '../../../activities/host/commands.js';
import { ContactMark } from '../../../activities/host/contact-mark.js';
import { HostMetrics } from '../../../activities/host/host-metrics.js';
import type { NodeStart } from '../../../activities/host/node-start.js';
import { RosterNews } from '../../../activities/host/roster-news.js';
import { keepRoster } from '../../../activities/host/rosters.js';
import { Seats } from '../../../activities/host/seats.js';
import { ServerClock } from '../../../activities/host/server-clock.js';
import { findCarriers } from '../../../activities/process/carriers.js';
import { readProgram } from '../../../activities/process/start-dir.js';
import { endCarriers } from '../../../activities/process/terminate.js';
import type { RunNodeInput } from '../../../spec/activities.js';
import { cookiePrefix } from '../../../spec/ids.js';
import type { NodeEnd, Program } from '../../../spec/nodes.js';
import { type Roster, rosterBytes, rosterDigest } from '../../../spec/roster.js';
import { until } from '../../helpers/until.js';
import { baseEnv, here, lives } from '../process/starts.js';

const PROGRAM: Program = {
  ...{ shell: 'bash', commands: ['sleep 1000'], env: {}, workingDir: null, startup: { order: 'any', ready: null }, nodesEnv: 'variable', dialects: [] },
  ...{
    archives: [],
    repo: null,
    stopSignal: 'SIGTERM',
    stopDurationSeconds: 20,
    health: null,
    onResize: { do: 'restart' as const },
    fencing: 'reachable',
    hostTimeoutSeconds: 30,
  },
};
const ACTIVITY = { token: new Uint8Array([1]), workflowId: 'cell', activityId: '1' };
const HOST = 'host-1';

/** A host with a run of one node: real seats and real processes, on an agent whose Temporal is a few answers. */
export class OneHost {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'muster-host-'));
  readonly run = { handle: 'run-x', runId: randomUUID(), name: 'x', fleet: 'default' };
  /** The ends that Temporal was told of. */
  readonly told: NodeEnd[] = [];
  /** Whether Temporal answers. */
  reached = true;
  /** Whether it was started anew, and knows nothing of what was before. */
  forgot = false;
  readonly agent: Agent;
  seats: Seats;
  readonly #program: Program;
  readonly #roster: string;

  constructor(program: Partial<Program>) {
    this.#program = { ...PROGRAM, ...program, env: { WHERE: this.dataDir, ...program.env } };
    const node = { rank: 0, group: '0', host: HOST, address: '127.0.0.1', interface: 'lo', port: 1, gpus: 0, id: 'x' };
    const roster: Roster = { runId: this.run.runId, generation: 1, masterPort: null, nodes: [node] };
    this.#roster = rosterBytes(roster);
    keepRoster(this.dataDir, this.run.runId, this.#roster);
    this.agent = this.#agent();
    this.seats = new Seats(this.agent);
    made.push(this);
  }

  /** A start whose shim waits. */
  async prepare(): Promise<NodeStart> {
    const input = { host: HOST, identity: 'one', run: this.run, gathering: 'cell', program: this.#program };
    await this.seats.prepare(input, async () => {});
    return this.start();
  }

  /** The start that is looked after. */
  start(): NodeStart {
    const [start] = this.seats.ofRun(this.run.runId);
    if (start === undefined) throw new Error('No start is looked after');
    return start;
  }

  /** As its cell asks for it: alone, as rank 0. */
  begin(start: NodeStart, more: Partial<RunNodeInput> = {}): void {
    const { run } = this;
    const input: RunNodeInput = {
      ...{ host: HOST, identity: 'one', run, gathering: 'cell', generation: 1, startNumber: start.record.startNumber, startReason: 'first', rank: 0 },
      ...{ address: '127.0.0.1', nodes: 1, digest: rosterDigest(this.#roster), token: 'token', rendezvous: { address: '127.0.0.1', port: 1 } },
      ...{ rosterBytes: this.#roster, barrierDeadlineMs: 0, again: false, entry: 'alone', preflight: 'off', fence: [], ...more },
    };
    start.begin(ACTIVITY, input, Date.now() + 5_000);
  }

  /** A start whose program runs. */
  async running(): Promise<NodeStart> {
    const start = await this.prepare();
    this.begin(start);
    await until(() => readProgram(start.dir) !== undefined, true);
    return start;
  }

  /** The agent dies, and the next one takes up what is on the disk. */
  succeed(): void {
    void this.seats.detach();
    this.seats = new Seats(this.agent);
    this.seats.adopt();
  }

  /** The agent dies, all that it has on the disk is lost, and the next one begins. */
  loseData(): void {
    void this.seats.detach();
    rmSync(join(this.dataDir, 'runs'), { recursive: true });
    this.succeed();
  }

  /** As if Temporal had last been heard of so long ago. */
  heardLongAgo({ dir }: NodeStart, ms: number): void {
    new ContactMark(join(dir, 'heard'), () => uptime() * 1000 - ms).write();
  }

  /** What a program wrote to a file of this name in `$WHERE`. */
  wrote(name: string): string | undefined {
    const path = this.path(name);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  path(name: string): string {
    return join(this.dataDir, name);
  }

  /** The end that Temporal is told. */
  async end(limitMs?: number): Promise<NodeEnd | undefined> {
    await until(() => this.told.length, 1, limitMs);
    return this.told[0];
  }

  async remove(): Promise<void> {
    await this.seats.detach();
    const seat = cookiePrefix(this.run.runId, HOST);
    const left = findCarriers(seat).map(({ pid }) => pid);
    await endCarriers({ cookie: seat, signal: 'SIGKILL', graceMs: 0 });
    await until(() => left.filter(lives), []);
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  #agent(): Agent {
    const answer = async <T>(value: T): Promise<T> => {
      if (!this.reached) throw new Error('Temporal is away');
      return value;
    };
    const client = {
      withDeadline: (_: number, call: () => Promise<unknown>) => call(),
      activity: {
        heartbeat: () => (this.forgot ? Promise.reject(new NamespaceNotFoundError('a former one')) : answer(undefined)),
        complete: async (_: unknown, end: NodeEnd) => void this.told.push(await answer(end)),
      },
      workflow: {
        getHandle: () => ({
          signal: () => answer(undefined),
          describe: () => Promise.reject(this.forgot ? new WorkflowNotFoundError('not found', 'run-x', undefined) : new Error('nobody asks')),
        }),
      },
    };
    const log = { warn: () => undefined, error: () => undefined, info: () => undefined };
    return {
      ...{ host: HOST, identity: 'one', fleet: 'default', dataDir: this.dataDir, version: '0', socketPath: join(this.dataDir, 'agent.sock'), baseEnv, ...here },
      ...{ candidates: () => [], told: { address: null, network: null, interface: null }, gpus: 0, outputCapBytes: null, clock: new ServerClock() },
      rosterNews: new RosterNews(),
      commands: new Commands(300),
      metrics: new HostMetrics(),
      ...{ client: client as unknown as Agent['client'], peers: { port: 1 } as Agent['peers'], log: log as unknown as Agent['log'] },
    };
  }
}

const made: OneHost[] = [];

afterEach(async () => {
  await Promise.all(made.splice(0).map((host) => host.remove()));
});
