import type { OutputChunk, OutputFilter, ReadOutputInput } from '../spec/activities.js';
import type { NodeStatus, RunStatus } from '../spec/nodes.js';
import type { Allowance } from './allowance.js';
import { withLinkedSignal } from './linked.js';
import { pause } from './pause.js';
import { beyondRead, firstWholeLine, type OutputPiece, splitByTime } from './pieces.js';
import type { Source } from './time-order.js';

/** After output more is likely: an agent that is killed meanwhile is missed the sooner. */
const LONG_POLL_MS = { lively: 1_000, quiet: 5_000 };
/** After the end of a run the last bytes and the word that they were the last come at once, or not at all. */
const LAST_TRIES = 10;
const LAST_TRY_AFTER_MS = 100;
/** A host that fails to answer so often after the run has ended, or left it, is given up. */
const FAILURES_AFTER_END = 2;
/** A start that is followed by another and says nothing for so many long polls has lost its end. */
const SILENT_POLLS = 3;
const NEWLINE = 10;
/** Who is so far behind, and may not read faster, goes on near the end; at the end of a run sooner. */
const BEHIND_BYTES = 4 * 2 ** 20;
/** What was passed over is told so often at most. */
const TELL_EVERY_MS = 10_000;
const RETRY_MS = { first: 200, most: 2_000 };
/** So much of what was read is kept, to see what of a lost host's last lines is new: twice what these can be. */
const KEPT_BYTES = 2_048;

export interface HostReaderPorts {
  read(status: RunStatus, input: ReadOutputInput, signal: AbortSignal): Promise<OutputChunk>;
  /** Where the pieces go. */
  source: Source<OutputPiece>;
  complain(message: string): void;
  /** Output was passed over. */
  skipped(rank: number, bytes: number): void;
  /** How fast it may read; null: as fast as its consumer. */
  allowance: Allowance | null;
  /** How often, in reads: each costs Temporal the same however little it brings. Never a reason to pass anything over. */
  turns: Pick<Allowance, 'take'> | null;
  /** What is wanted. */
  filter: OutputFilter;
  /** Begins with the last so many lines; null: with the first. */
  tail: number | null;
  /** At most so much with one read. */
  maxBytes: number;
  signal: AbortSignal;
}

/** Reads one host's output of a run, one start after the other. */
export class HostReader {
  #status: RunStatus | undefined;
  #over = false;
  #rank = 0;
  #newest = 0;
  #present = false;
  #changed = new AbortController();
  #skipped = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #tail = Buffer.alloc(0);

  constructor(
    private readonly host: string,
    private readonly ports: HostReaderPorts,
  ) {}

  /** News of the run. `over`: nothing more will come than what is there now. */
  tell(status: RunStatus, over: boolean): void {
    const node: NodeStatus | undefined = status.nodes.find(({ host }) => host === this.host);
    const known = node ?? status.formerNodes.find(({ host }) => host === this.host);
    const newest = Math.max(this.#newest, known?.startNumber ?? 0);
    const rank = known?.rank ?? this.#rank;
    const news = over !== this.#over || newest !== this.#newest || (node !== undefined) !== this.#present || rank !== this.#rank;
    this.#status = status;
    this.#over = over;
    this.#newest = newest;
    this.#present = node !== undefined;
    this.#rank = rank;
    if (!news) return;
    // Wakes whoever waits, also in a long poll: what it waits for may never come now.
    this.#changed.abort();
    this.#changed = new AbortController();
  }

  /** Resolves when all starts were read and no other can come. Rejects only on a bug. */
  async run(): Promise<void> {
    try {
      await this.#readStarts();
      this.#tellSkipped(true);
    } finally {
      this.ports.source.close();
    }
  }

  async #readStarts(): Promise<void> {
    const { signal, source, filter, maxBytes } = this.ports;
    let { tail } = this.ports;
    let startNumber = 1;
    let offset = 0;
    let failures = 0;
    let silentTries = 0;
    let lineStart = false;
    let lively = true;
    let lastByte = NEWLINE;
    while (!signal.aborted) {
      const changed = this.#changed.signal;
      const waitMs = this.#over || this.#isIdle() ? 0 : lively ? LONG_POLL_MS.lively : LONG_POLL_MS.quiet;
      let chunk: OutputChunk;
      try {
        const input = { startNumber, offset, maxBytes, waitMs, filter, ...(tail === null ? {} : { tail }) };
        chunk = await this.#read(input, waitMs > 0 ? changed : undefined);
      } catch (error) {
        if (signal.aborted) return;
        if (changed.aborted) continue;
        failures++;
        // The agent of a host that has not left will be back.
        if ((this.#over || !this.#present) && failures >= FAILURES_AFTER_END) return this.#giveUp(error);
        await pause(Math.min(RETRY_MS.first * 2 ** failures, RETRY_MS.most), signal);
        continue;
      }
      failures = 0;
      lively = chunk.data !== '';
      // Old starts are removed, and the last lines may begin in any.
      const moved = tail !== null || chunk.startNumber !== startNumber;
      const advanced = moved || chunk.nextOffset > offset;
      if (moved) lastByte = NEWLINE;
      tail = null;
      startNumber = chunk.startNumber;
      offset = chunk.nextOffset;
      const read = Buffer.from(chunk.data, 'base64');
      if (read.length > 0 || chunk.skippedBytes > 0) {
        silentTries = 0;
        const from = lineStart ? firstWholeLine(read) : 0;
        this.#skipped += chunk.skippedBytes + from;
        this.#tellSkipped(false);
        const pieces = this.#piecesOf(chunk, read, from);
        const [first] = pieces;
        // A line that was begun before what is passed over is not whole: it ends there.
        if (first && (lineStart || chunk.skippedBytes > 0) && lastByte !== NEWLINE) first.data = Buffer.concat([Buffer.of(NEWLINE), first.data]);
        lineStart = false;
        lastByte = pieces.at(-1)?.data.at(-1) ?? lastByte;
        await source.give(pieces);
        source.next(chunk.end || offset < chunk.size ? 'asked' : 'newest');
        if (!chunk.end) {
          const tooFastMs = this.ports.allowance?.take(read.length) ?? 0;
          const tooOftenMs = this.ports.turns?.take(1) ?? 0;
          if (tooFastMs > 0) await pause(tooFastMs, signal);
          if (tooOftenMs > tooFastMs) await pause(tooOftenMs - tooFastMs, changed, signal);
          const behind = chunk.size - offset;
          if (tooFastMs > 0 && behind > (this.#over ? maxBytes : BEHIND_BYTES)) {
            const jump = behind - maxBytes;
            // Told with what the next piece begins without.
            this.#skipped += jump;
            offset += jump;
            lineStart = true;
          }
          continue;
        }
      }
      const lost = startNumber < this.#newest && !advanced && ++silentTries >= SILENT_POLLS;
      if (chunk.end || lost) {
        this.#tellSkipped(true);
        if (startNumber < this.#newest) {
          startNumber++;
          offset = 0;
          lastByte = NEWLINE;
          silentTries = 0;
          source.next('asked');
        } else if (this.#over) return;
        else {
          source.next('newest');
          await pause(null, changed, signal);
        }
      } else if (this.#over) {
        const running = this.#status?.endedAtMs === null;
        if (running || ++silentTries >= LAST_TRIES) return;
        await pause(LAST_TRY_AFTER_MS, signal);
      } else {
        source.next('newest');
        if (this.#isIdle() && startNumber >= this.#newest) await pause(null, changed, signal);
        else if (advanced && this.ports.turns) await pause(this.ports.turns.take(1), changed, signal);
      }
    }
  }

  /** It is nobody that is asked for now, and may become one. */
  #isIdle(): boolean {
    const { ranks } = this.ports.filter;
    return ranks !== null && !ranks.includes(this.#rank);
  }

  #piecesOf(chunk: OutputChunk, read: Buffer, from: number): OutputPiece[] {
    const { rank = this.#rank, generation = null, startNumber } = chunk;
    this.#tail = Buffer.concat([this.#tail, read.subarray(from)]).subarray(-KEPT_BYTES);
    return splitByTime(read, from, chunk.times).map((piece) => ({ rank, host: this.host, startNumber, generation, ...piece }));
  }

  #tellSkipped(now: boolean): void {
    if (this.#skipped === 0 || (!now && performance.now() - this.#toldAtMs < TELL_EVERY_MS)) return;
    this.#toldAtMs = performance.now();
    this.ports.skipped(this.#rank, this.#skipped);
    this.#skipped = 0;
  }

  async #read(input: Omit<ReadOutputInput, 'runId'>, until: AbortSignal | undefined): Promise<OutputChunk> {
    const status = this.#status;
    if (status === undefined) throw new Error('The reader was not told of the run');
    return withLinkedSignal([this.ports.signal, until], (signal) => this.ports.read(status, { ...input, runId: status.runId }, signal));
  }

  /** The host is gone, or its agent: what the run heard last of its node is all there is. */
  async #giveUp(error: unknown): Promise<void> {
    const why = error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error);
    const last = this.#lastHeard();
    const rest = last === undefined ? '' : '; what the run heard last of it follows';
    this.ports.complain(`The output of node ${this.#rank} on ${this.host} cannot be read: the host does not answer (${why})${rest}`);
    if (last) await this.ports.source.give([last]);
  }

  #lastHeard(): OutputPiece | undefined {
    const { generation: wanted, ranks, sinceMs } = this.ports.filter;
    const note = this.#status?.failures.findLast(({ host, lastLines }) => host === this.host && lastLines !== '');
    if (note === undefined) return undefined;
    const { rank, generation, atMs, lastLines } = note;
    if ((wanted !== null && wanted !== generation) || (ranks !== null && !ranks.includes(rank)) || (sinceMs !== null && atMs < sinceMs)) return undefined;
    const text = beyondRead(this.#tail.toString('utf8'), lastLines);
    return text === '' ? undefined : { rank, host: this.host, startNumber: this.#newest, generation, atMs, data: Buffer.from(text) };
  }
}
