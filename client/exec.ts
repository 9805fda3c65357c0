import { randomUUID } from 'node:crypto';
import type {
  CommandActivities,
  CommandChunk,
  CommandFed,
  CommandLine,
  CommandStarted,
  CommandStream,
  FeedCommandInput,
  ReadCommandInput,
  SignalCommandInput,
  StartCommandInput,
} from '../spec/commands.js';
import type { NodeStatus, RunStatus } from '../spec/nodes.js';
import { Allowance } from './allowance.js';
import { CommandLost, CommandRefused, CommandTimedOut, RankNotFound, RunEnded } from './errors.js';
import { FOLLOW_RATE } from './follow.js';
import { pause } from './pause.js';

export interface ExecOptions {
  /** The node beside whose program the command runs. */
  rank: number;
  /** A line for the task's shell; or a program and its arguments, which stay as they are. */
  command: string | readonly string[];
  /** What the command reads; without it, nothing. */
  stdin?: AsyncIterable<Uint8Array | string>;
  /** Hears the output as it comes, which is then not in the result; the next piece waits for its promise. */
  onOutput?: (piece: ExecPiece) => void | Promise<void>;
  /** Hears of the command once it runs. */
  onStarted?: (command: RunningCommand) => void;
  /** The command is ended after so long; an hour by default, at most a week. */
  limitMs?: number;
  /** The command is killed when its host has not heard of this client for so long; 30 s by default, from 2 s to an hour. */
  leaseMs?: number;
  /** Aborted: the command is sent SIGTERM, after 5 s killed, and `exec` throws the signal's reason. */
  signal?: AbortSignal;
}

export interface ExecPiece {
  stream: CommandStream;
  data: Buffer;
}

/** A command that runs in the place of a node. */
export interface RunningCommand {
  rank: number;
  host: string;
  /** Sends a signal, as `SIGINT`, to the command's whole group. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface ExecResult {
  rank: number;
  host: string;
  /** The command's own; 128 + n where signal n ended it. */
  code: number;
  /** Its node has ended, and the command was killed with it. */
  nodeEnded: boolean;
  stdout: Buffer;
  stderr: Buffer;
}

/** One of an agent's activities, as a call. */
export type CallHost = <T>(status: RunStatus, host: string, activity: keyof CommandActivities, input: object, answerMs: number) => Promise<T>;

const HOUR_MS = 3_600_000;
const LIMIT_MS = { usual: HOUR_MS, most: 7 * 24 * HOUR_MS };
const LEASE_MS = { least: 2_000, usual: 30_000, most: HOUR_MS };
/** After output more is likely: an agent that is killed meanwhile is missed the sooner. */
const LONG_POLL_MS = { lively: 1_000, quiet: 5_000 };
const ANSWER_MS = 4_000;
const START_LIMIT_MS = 20_000;
const RETRY_MS = 500;
/** Between SIGTERM and SIGKILL, when the caller wants no more of it. */
const GRACE_MS = 5_000;
const FEED_BYTES = 64 * 1024;
const FULL_AGAIN_MS = 100;

/** Runs a command in the place of a node, to its end. */
export async function exec(handle: string, status: RunStatus, call: CallHost, options: ExecOptions): Promise<ExecResult> {
  const node = nodeOf(handle, status, options.rank);
  return new RemoteCommand(status, node, call, options).run();
}

function nodeOf(handle: string, { nodes, endedAtMs, phase, generation }: RunStatus, rank: number): NodeStatus {
  if (endedAtMs !== null) throw new RunEnded(handle);
  const node = nodes.find((each) => each.rank === rank);
  if (node !== undefined) return node;
  if (generation === 0 || nodes.some((each) => each.rank === null)) throw new CommandRefused(`No node of the run ${handle} is running now: it is ${phase}`);
  throw new RankNotFound(rank, nodes.length);
}

class RemoteCommand {
  readonly #id = randomUUID();
  readonly #leaseMs: number;
  readonly #limitMs: number;
  readonly #allowance = new Allowance(FOLLOW_RATE.bytesPerSecond, FOLLOW_RATE.burstBytes);
  readonly #kept: Record<CommandStream, Buffer[]> = { stdout: [], stderr: [] };
  readonly #over = new AbortController();

  constructor(
    private readonly status: RunStatus,
    private readonly node: NodeStatus,
    private readonly call: CallHost,
    private readonly options: ExecOptions,
  ) {
    const { limitMs = LIMIT_MS.usual, leaseMs = LEASE_MS.usual } = options;
    this.#limitMs = Math.min(Math.max(1, limitMs), LIMIT_MS.most);
    this.#leaseMs = Math.min(Math.max(LEASE_MS.least, leaseMs), LEASE_MS.most);
  }

  async run(): Promise<ExecResult> {
    const { signal, onStarted } = this.options;
    signal?.throwIfAborted();
    await this.#start();
    const onAbort = () => void this.#endBy(this.#over.signal);
    signal?.addEventListener('abort', onAbort);
    try {
      if (signal?.aborted) onAbort();
      else onStarted?.({ rank: this.options.rank, host: this.node.host, kill: (name) => this.#signal(name) });
      const feeding = this.#feed();
      // Without the rest of its input the command is not what was asked for: its end is awaited, and what broke is thrown then.
      feeding.catch(() => this.#endBy(this.#over.signal));
      const end = await this.#readToEnd();
      this.#over.abort();
      await feeding;
      signal?.throwIfAborted();
      if (end.reason === 'timed-out') throw new CommandTimedOut(`The command on ${this.node.host} was ended: it took longer than ${this.#limitMs / 1000} s`);
      const [stdout, stderr] = [Buffer.concat(this.#kept.stdout), Buffer.concat(this.#kept.stderr)];
      return { rank: this.options.rank, host: this.node.host, code: end.code, nodeEnded: end.reason === 'node-ended', stdout, stderr };
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#over.abort();
    }
  }

  async #start(): Promise<void> {
    const { command, stdin, rank } = this.options;
    const words: CommandLine = typeof command === 'string' ? { line: command } : { words: [...command] };
    const input: StartCommandInput = {
      ...{ runId: this.status.runId, startNumber: this.node.startNumber, id: this.#id, command: words, stdin: stdin !== undefined },
      ...{ leaseMs: this.#leaseMs, limitMs: this.#limitMs },
    };
    const { host } = this.node;
    const answer = await this.#ask<CommandStarted>('startCommand', input, ANSWER_MS, START_LIMIT_MS);
    if (answer.kind === 'refused') throw new CommandRefused(`The command cannot run beside node ${rank}: on ${host}, ${answer.message}`);
  }

  async #readToEnd() {
    let offset = 0;
    for (let bytes = 1; ; ) {
      const waitMs = Math.min(bytes > 0 ? LONG_POLL_MS.lively : LONG_POLL_MS.quiet, this.#leaseMs / 4);
      const input: ReadCommandInput = { id: this.#id, offset, waitMs };
      const chunk = await this.#ask<CommandChunk>('readCommand', input, waitMs + ANSWER_MS, this.#leaseMs);
      if (chunk.kind === 'unknown') throw new CommandLost(`The agent of ${this.node.host} was started anew; the command has ended with its predecessor`);
      bytes = 0;
      for (const [stream, encoded] of chunk.pieces) {
        const data = Buffer.from(encoded, 'base64');
        bytes += data.length;
        if (this.options.onOutput) await this.options.onOutput({ stream, data });
        else this.#kept[stream].push(data);
      }
      offset = chunk.nextOffset;
      if (chunk.end) return chunk.end;
      const tooFastMs = this.#allowance.take(bytes);
      if (tooFastMs > 0) await pause(tooFastMs);
    }
  }

  async #feed(): Promise<void> {
    const { stdin } = this.options;
    if (stdin === undefined) return;
    const ended = new Promise<'ended'>((resolve) => this.#over.signal.addEventListener('abort', () => resolve('ended'), { once: true }));
    const pieces = stdin[Symbol.asyncIterator]();
    try {
      for (let offset = 0; ; ) {
        // A terminal may say nothing for ever: the end of the command goes before.
        const next = await Promise.race([pieces.next(), ended]);
        if (next === 'ended') return;
        const data = next.done ? Buffer.alloc(0) : Buffer.from(next.value as Uint8Array);
        const to = offset + data.length;
        for (let from = offset; from < to || next.done; ) {
          const part = data.subarray(from - offset, from - offset + FEED_BYTES);
          const input: FeedCommandInput = { id: this.#id, offset: from, data: part.toString('base64'), end: next.done === true };
          const { taken } = await this.#ask<CommandFed>('feedCommand', input, ANSWER_MS, this.#leaseMs);
          if (taken === null || this.#over.signal.aborted || next.done) return;
          if (taken === from) await pause(FULL_AGAIN_MS, this.#over.signal);
          from = taken;
        }
        offset = to;
      }
    } catch (error) {
      // Who reads hears of it, too.
      if (!(error instanceof CommandLost)) throw error;
    } finally {
      if (!this.#over.signal.aborted) void pieces.return?.();
    }
  }

  async #endBy(over: AbortSignal): Promise<void> {
    await this.#signal('SIGTERM').catch(() => undefined);
    await pause(GRACE_MS, over);
    if (!over.aborted) await this.#signal('SIGKILL').catch(() => undefined);
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    const input: SignalCommandInput = { id: this.#id, signal };
    await this.#ask('signalCommand', input, ANSWER_MS, this.#leaseMs);
  }

  /** Asks until there is an answer: the same question again does no harm. */
  async #ask<T>(activity: keyof CommandActivities, input: object, answerMs: number, limitMs: number): Promise<T> {
    const until = performance.now() + limitMs;
    for (;;) {
      try {
        return await this.call<T>(this.status, this.node.host, activity, input, answerMs);
      } catch (error) {
        const why = ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message;
        if (/is not registered/.test(why)) throw new CommandRefused(`The agent of ${this.node.host} is too old to run commands; upgrade it`, { cause: error });
        if (performance.now() >= until)
          throw new CommandLost(`${this.node.host} does not answer (${why}); what runs there of the command is ended`, { cause: error });
        await pause(RETRY_MS);
      }
    }
  }
}
