import type { OutputChunk, ReadOutputInput } from '../spec/activities.js';
import type { NodeStatus, RunStatus } from '../spec/nodes.js';
import type { Allowance } from './allowance.js';
import type { OutputPiece } from './follow.js';
import { withLinkedSignal } from './linked.js';
import { pause } from './pause.js';

const MAX_BYTES = 256 * 1024;
const LONG_POLL_MS = 5_000;
/** After the end of a run the last bytes and the word that they were the last come at once, or not at all. */
const LAST_TRIES = 10;
const LAST_TRY_AFTER_MS = 100;
/** A host that fails to answer so often after the run has ended is given up. */
const FAILURES_AFTER_END = 2;
const NEWLINE = 10;
/** Who is so far behind, and may not read faster, goes on near the end; at the end of a run sooner. */
const BEHIND_BYTES = 4 * 2 ** 20;
/** What was passed over is told so often at most. */
const TELL_EVERY_MS = 10_000;
const RETRY_MS = { first: 200, most: 2_000 };

export interface HostReaderPorts {
  read(status: RunStatus, input: ReadOutputInput, signal: AbortSignal): Promise<OutputChunk>;
  /** Resolves when there is room for more. */
  give(output: OutputPiece): Promise<void>;
  complain(message: string): void;
  /** Output was passed over. */
  skipped(rank: number, bytes: number): void;
  /** How fast it may read; null: as fast as its consumer. */
  allowance: Allowance | null;
  /** How often, in reads: each costs Temporal the same however little it brings. Never a reason to pass anything over. */
  turns: Pick<Allowance, 'take'> | null;
  signal: AbortSignal;
}

/** Reads one host's output of a run, one start after the other, from the first byte. */
export class HostReader {
  #status: RunStatus | undefined;
  #over = false;
  #rank = 0;
  #newest = 0;
  #present = false;
  #changed = new AbortController();
  #skipped = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly host: string,
    private readonly ports: HostReaderPorts,
  ) {}

  /** News of the run. `over`: nothing more will come than what is there now. */
  tell(status: RunStatus, over: boolean): void {
    const node: NodeStatus | undefined = status.nodes.find(({ host }) => host === this.host);
    const known = node ?? status.formerNodes.find(({ host }) => host === this.host);
    const newest = Math.max(this.#newest, known?.startNumber ?? 0);
    const news = over !== this.#over || newest !== this.#newest || (node !== undefined) !== this.#present;
    this.#status = status;
    this.#over = over;
    this.#newest = newest;
    this.#present = node !== undefined;
    this.#rank = known?.rank ?? this.#rank;
    if (!news) return;
    // Wakes whoever waits, also in a long poll: what it waits for may never come now.
    this.#changed.abort();
    this.#changed = new AbortController();
  }

  /** Resolves when all starts were read and no other can come. Rejects only on a bug. */
  async run(): Promise<void> {
    await this.#readStarts();
    this.#tellSkipped(true);
  }

  async #readStarts(): Promise<void> {
    const { signal } = this.ports;
    let startNumber = 1;
    let offset = 0;
    let failures = 0;
    let silentTries = 0;
    let lineStart = false;
    let lastByte = NEWLINE;
    while (!signal.aborted) {
      const changed = this.#changed.signal;
      // Nobody writes to an older start any more, nor to that of a host that has left.
      const closed = startNumber < this.#newest || !this.#present;
      const waitMs = this.#over || closed ? 0 : LONG_POLL_MS;
      let chunk: OutputChunk;
      try {
        chunk = await this.#read({ startNumber, offset, maxBytes: MAX_BYTES, waitMs }, waitMs > 0 ? changed : undefined);
      } catch (error) {
        if (signal.aborted) return;
        if (changed.aborted) continue;
        failures++;
        if ((this.#over || closed) && failures >= FAILURES_AFTER_END) return this.#giveUp(error);
        await pause(Math.min(RETRY_MS.first * 2 ** failures, RETRY_MS.most), signal);
        continue;
      }
      failures = 0;
      if (chunk.nextOffset > offset) {
        silentTries = 0;
        offset = chunk.nextOffset;
        const read = Buffer.from(chunk.data, 'base64');
        const whole = lineStart ? fromLine(read) : read;
        this.#skipped += chunk.skippedBytes + read.length - whole.length;
        this.#tellSkipped(false);
        // A line that was begun before what is passed over is not whole: it ends there.
        const data = (lineStart || chunk.skippedBytes > 0) && lastByte !== NEWLINE ? Buffer.concat([Buffer.of(NEWLINE), whole]) : whole;
        lineStart = false;
        lastByte = data.at(-1) ?? lastByte;
        if (data.length > 0) await this.ports.give({ rank: this.#rank, host: this.host, startNumber, data });
        if (!chunk.end) {
          const tooFastMs = this.ports.allowance?.take(read.length) ?? 0;
          const tooOftenMs = this.ports.turns?.take(1) ?? 0;
          if (tooFastMs > 0) await pause(tooFastMs, signal);
          if (tooOftenMs > tooFastMs) await pause(tooOftenMs - tooFastMs, changed, signal);
          const behind = chunk.size - offset;
          if (tooFastMs > 0 && behind > (this.#over ? MAX_BYTES : BEHIND_BYTES)) {
            const jump = behind - MAX_BYTES;
            // Told with what the next piece begins without.
            this.#skipped += jump;
            offset += jump;
            lineStart = true;
          }
          continue;
        }
      }
      if (chunk.end || (closed && chunk.nextOffset === offset)) {
        this.#tellSkipped(true);
        if (startNumber < this.#newest) {
          startNumber++;
          offset = 0;
          lastByte = NEWLINE;
          silentTries = 0;
        } else if (this.#over) return;
        else await pause(null, changed, signal);
      } else if (this.#over) {
        const running = this.#status?.endedAtMs === null;
        if (running || ++silentTries >= LAST_TRIES) return;
        await pause(LAST_TRY_AFTER_MS, signal);
      }
    }
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

  #giveUp(error: unknown): void {
    const why = error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error);
    this.ports.complain(`The output of node ${this.#rank} on ${this.host} cannot be read: the host does not answer (${why})`);
  }
}

/** What follows the first newline: after a jump the line before it is not whole. */
function fromLine(data: Buffer): Buffer {
  return data.subarray(data.indexOf(10) + 1);
}
