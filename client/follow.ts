import { setMaxListeners } from 'node:events';
import type { OutputChunk, OutputFilter, ReadOutputInput } from '../spec/activities.js';
import type { RunStatus } from '../spec/nodes.js';
import { Allowance } from './allowance.js';
import { isPassing } from './ask.js';
import { Channel } from './channel.js';
import { HostReader, type HostReaderPorts } from './host-reader.js';
import { pause } from './pause.js';
import type { OutputPiece } from './pieces.js';
import { TimeOrder } from './time-order.js';

export type RunEvent =
  | { kind: 'status'; status: RunStatus }
  | { kind: 'output'; output: OutputPiece }
  /** Output that is not shown: it came faster than a follower reads, or the host no longer has it. */
  | { kind: 'skipped'; rank: number; host: string; bytes: number }
  /** Something is away and is tried again, or a host's output was given up. */
  | { kind: 'trouble'; message: string };

/** Which output is wanted; without any of these, all that the run has written. */
export interface OutputChoice {
  /** Only what was written under this rank, or these. */
  rank?: number | readonly number[];
  /** Only what was written on this host, or these. */
  host?: string | readonly string[];
  /** Only what was written in this generation. */
  generation?: number;
  /** Only what was written at or after this moment, by the server's clock; to about a tenth of a second, and rather too much than too little. */
  since?: Date;
  /** Begins with the last so many lines of each node, at most 100,000. */
  tail?: number;
}

export interface FollowOptions extends OutputChoice {
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
export const FOLLOW_RATE = { bytesPerSecond: 2 ** 20, burstBytes: 8 * 2 ** 20, readsPerSecond: 20, burstReads: 100 };

/** A line waits so long for what others wrote at the same moment, and so long for a host that is asked and does not answer. */
const MERGE = { follow: { holdMs: 150, patienceMs: 2_000 }, once: { holdMs: 0, patienceMs: 5_000 } };

/** At most so much with one read, and of all hosts together: what is read waits here for what others wrote at the same time. */
const READ_BYTES = { least: 16 * 1024, most: 256 * 1024, together: 64 * 2 ** 20 };

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
  readonly #order: TimeOrder<OutputPiece>;
  readonly #filter: OutputFilter;
  #over = false;
  #begun = false;

  constructor(
    private readonly source: RunSource,
    private readonly options: FollowOptions,
    private readonly channel: Channel<RunEvent>,
    private readonly signal: AbortSignal,
  ) {
    const { rank, generation = null, since, output } = options;
    this.#filter = { ranks: rank === undefined ? null : [rank].flat(), generation, sinceMs: since?.getTime() ?? null };
    this.#order = new TimeOrder((piece) => channel.push({ kind: 'output', output: piece }), output === 'once' ? MERGE.once : MERGE.follow);
  }

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
    const nodes = [...status.nodes, ...status.formerNodes].filter((node) => node.rank !== null && node.startNumber > 0);
    const wanted = nodes.filter(({ host, rank }) => !this.#readers.has(host) && this.#mayHave(host, rank ?? 0, status.generation));
    const share = Math.floor(READ_BYTES.together / (this.#readers.size + wanted.length));
    const maxBytes = Math.max(READ_BYTES.least, Math.min(READ_BYTES.most, share));
    // Who comes later is read from the beginning.
    const tail = this.#begun ? null : (this.options.tail ?? null);
    this.#begun = true;
    for (const { host } of wanted) if (!this.#readers.has(host)) this.#readHost(host, status, over, { maxBytes, tail });
    for (const { reader } of this.#readers.values()) reader.tell(status, over);
  }

  /** Ranks may move to other hosts with the generations; a host that has none of the wanted ones now is read up to here, and again when it gets one. */
  #mayHave(host: string, rank: number, generation: number): boolean {
    const { host: wanted } = this.options;
    const { ranks } = this.#filter;
    if (wanted !== undefined && ![wanted].flat().includes(host)) return false;
    return ranks === null || generation > 1 || ranks.includes(rank);
  }

  #readHost(host: string, status: RunStatus, over: boolean, how: Pick<HostReaderPorts, 'maxBytes' | 'tail'>): void {
    const once = this.options.output === 'once';
    const reader = new HostReader(host, {
      ...{ ...how, filter: this.#filter, source: this.#order.open(), signal: this.signal },
      ...{ allowance: once ? null : this.#allowance, turns: once ? null : this.#turns },
      skipped: (rank, bytes) => void this.channel.push({ kind: 'skipped', rank, host, bytes }),
      read: (current, input, signal) => this.source.read(current, host, input, signal),
      complain: (message) => void this.channel.push({ kind: 'trouble', message }),
    });
    // It hears of the status before it begins.
    reader.tell(status, over);
    const done = reader.run();
    done.catch((error: unknown) => this.channel.close({ error }));
    this.#readers.set(host, { reader, done });
  }
}

function isOver({ phase }: RunStatus): boolean {
  return phase === 'succeeded' || phase === 'failed' || phase === 'cancelled';
}

function troubleOf(error: unknown): string {
  const what = error instanceof Error && error.name === 'NobodyAnswers' ? error.message : 'Temporal cannot be reached';
  return `${what}; the run goes on, trying again`;
}
