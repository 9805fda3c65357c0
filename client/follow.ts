import { setMaxListeners } from 'node:events';
import type { OutputChunk, ReadOutputInput } from '../spec/activities.js';
import type { RunStatus } from '../spec/nodes.js';
import { Allowance } from './allowance.js';
import { isPassing } from './ask.js';
import { Channel } from './channel.js';
import { HostReader } from './host-reader.js';
import { pause } from './pause.js';

/** A piece of one start's output. */
export interface OutputPiece {
  rank: number;
  host: string;
  startNumber: number;
  data: Buffer;
}

export type RunEvent =
  | { kind: 'status'; status: RunStatus }
  | { kind: 'output'; output: OutputPiece }
  /** Output that is not shown: it came faster than a follower reads, or the host no longer has it. */
  | { kind: 'skipped'; rank: number; host: string; bytes: number }
  /** Something is away and is tried again, or a host's output was given up. */
  | { kind: 'trouble'; message: string };

export interface FollowOptions {
  /** Only the node that has this rank. */
  rank?: number;
  /** `follow` until the run has ended, `once` what there is now, or `none`: only the status, until the run has ended. */
  output?: 'follow' | 'once' | 'none';
  signal?: AbortSignal;
}

/** A run, as its follower needs it. */
export interface RunSource {
  status(): Promise<RunStatus>;
  /** The status of a run that goes on. */
  look(): Promise<RunStatus>;
  /** The final status. */
  wait(signal: AbortSignal): Promise<RunStatus>;
  read(status: RunStatus, host: string, input: ReadOutputInput, signal: AbortSignal): Promise<OutputChunk>;
}

/** What a follower reads of all nodes together: more would be felt by whoever else uses this Temporal. */
const FOLLOW_RATE = { bytesPerSecond: 2 ** 20, burstBytes: 8 * 2 ** 20, readsPerSecond: 20, burstReads: 100 };

/** Until all nodes run, phases pass in tens of milliseconds; then changes are rare. */
const LOOK_EVERY_MS = { early: 100, running: 1_000 };

/** What happens in a run, until it has ended and everything was read. The consumer sets the pace. */
export async function* follow(source: RunSource, options: FollowOptions): AsyncGenerator<RunEvent, void, undefined> {
  const stop = new AbortController();
  const { signal } = stop;
  // Every host that is read listens, and they are as many as they are.
  setMaxListeners(0, signal);
  const channel = new Channel<RunEvent>();
  const follower = new Follower(source, options, channel, signal);
  const onAbort = () => {
    stop.abort();
    channel.close();
  };
  options.signal?.addEventListener('abort', onAbort);
  if (options.signal?.aborted) onAbort();
  follower.run().then(
    () => channel.close(),
    (error: unknown) => channel.close(signal.aborted ? {} : { error }),
  );
  try {
    yield* channel.values();
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
    stop.abort();
  }
}

class Follower {
  #readers = new Map<string, { reader: HostReader; done: Promise<void> }>();
  #last = '';
  readonly #allowance = new Allowance(FOLLOW_RATE.bytesPerSecond, FOLLOW_RATE.burstBytes);
  readonly #turns = new Allowance(FOLLOW_RATE.readsPerSecond, FOLLOW_RATE.burstReads);
  #over = false;

  constructor(
    private readonly source: RunSource,
    private readonly options: FollowOptions,
    private readonly channel: Channel<RunEvent>,
    private readonly signal: AbortSignal,
  ) {}

  async run(): Promise<void> {
    const once = this.options.output === 'once';
    try {
      const first = await this.source.status();
      await this.#take(first, once || isOver(first));
    } catch (error) {
      if (once || !isPassing(error)) throw error;
    }
    if (!this.#over) await this.#watch();
    await Promise.all([...this.#readers.values()].map(({ done }) => done));
  }

  async #watch(): Promise<void> {
    const end = new AbortController();
    const ended = this.source.wait(this.signal).finally(() => end.abort());
    ended.catch(() => {});
    let troubled = false;
    let running = false;
    for (;;) {
      await pause(running || troubled ? LOOK_EVERY_MS.running : LOOK_EVERY_MS.early, end.signal, this.signal);
      if (end.signal.aborted || this.signal.aborted) break;
      try {
        const status = await Promise.race([this.source.look(), ended]);
        if (end.signal.aborted) break;
        running = status.phase === 'running';
        await this.#take(status, false);
        troubled = false;
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (!troubled) void this.channel.push({ kind: 'trouble', message: troubleOf(error) });
        troubled = true;
        // That it is over is told by the status, be it the same.
        this.#last = '';
      }
    }
    if (!this.signal.aborted) await this.#take(await ended, true);
  }

  async #take(status: RunStatus, over: boolean): Promise<void> {
    this.#over = over;
    if (this.options.output !== 'none') this.#readHosts(status, over);
    const text = JSON.stringify(status);
    if (text === this.#last) return;
    this.#last = text;
    // The final status is the last event: it waits until everything was read.
    if (over) await Promise.all([...this.#readers.values()].map(({ done }) => done));
    await this.channel.push({ kind: 'status', status });
  }

  #readHosts(status: RunStatus, over: boolean): void {
    for (const { host, rank, startNumber } of [...status.nodes, ...status.formerNodes]) {
      if (rank === null || startNumber < 1 || this.#readers.has(host)) continue;
      if (this.options.rank !== undefined && rank !== this.options.rank) continue;
      const reader = new HostReader(host, {
        skipped: (rank, bytes) => void this.channel.push({ kind: 'skipped', rank, host, bytes }),
        allowance: this.options.output === 'once' ? null : this.#allowance,
        turns: this.options.output === 'once' ? null : this.#turns,
        read: (current, input, signal) => this.source.read(current, host, input, signal),
        give: (output) => this.channel.push({ kind: 'output', output }),
        complain: (message) => void this.channel.push({ kind: 'trouble', message }),
        signal: this.signal,
      });
      // It hears of the status before it begins.
      reader.tell(status, over);
      const done = reader.run();
      done.catch((error: unknown) => this.channel.close({ error }));
      this.#readers.set(host, { reader, done });
    }
    for (const { reader } of this.#readers.values()) reader.tell(status, over);
  }
}

function isOver({ phase }: RunStatus): boolean {
  return phase === 'succeeded' || phase === 'failed' || phase === 'cancelled';
}

function troubleOf(error: unknown): string {
  const what = error instanceof Error && error.name === 'NobodyAnswers' ? error.message : 'Temporal cannot be reached';
  return `${what}; the run goes on, trying again`;
}
