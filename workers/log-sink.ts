import { write, writeSync } from 'node:fs';

/** So much waits at most for a reader that is slow; what comes then is dropped. */
const MOST_BYTES = 2 ** 20;
const AGAIN_AFTER_MS = 50;
/** A write that takes so long waits for a reader that stands still: at the end of the process nobody waits for that one. */
const STALLED_MS = 1_000;

/**
 * Takes lines of a log and writes them to a file descriptor, in order, behind the back of who logs: `write` never throws and never waits, whatever becomes of the disk or of who reads.
 * What cannot be written is dropped, and the next line that can be follows a line that tells how many were. What is left when the process ends is written then.
 */
export class LogSink {
  #waiting: string[] = [];
  #bytes = 0;
  #dropped = 0;
  #busySinceMs: number | undefined;

  constructor(
    private readonly fd: number,
    private readonly mostBytes = MOST_BYTES,
  ) {}

  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#bytes + bytes > this.mostBytes) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#bytes += bytes;
    if (this.#busySinceMs !== undefined) return;
    this.#busySinceMs = performance.now();
    // What is said before the process ends in this very turn is written by `flush`, in order.
    setImmediate(() => this.#next());
  }

  /** Writes at once what is not being written yet, as far as that goes: for the end of the process. */
  flush(): void {
    if (performance.now() - (this.#busySinceMs ?? Number.POSITIVE_INFINITY) > STALLED_MS) return;
    const { text } = this.#take();
    try {
      for (let rest = text; rest.length > 0; ) rest = rest.subarray(writeSync(this.fd, rest));
    } catch {
      // There is nobody left to tell.
    }
  }

  #take(): { text: Buffer; lines: number } {
    const lines = this.#waiting.splice(0);
    this.#bytes = 0;
    if (this.#dropped > 0 && lines.length > 0) {
      lines.unshift(
        `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), event: 'lines-dropped', lines: this.#dropped, msg: 'lines of this log could not be written' })}\n`,
      );
      this.#dropped = 0;
    }
    return { text: Buffer.from(lines.join('')), lines: lines.length };
  }

  #next(): void {
    const { text, lines } = this.#take();
    if (lines === 0) {
      this.#busySinceMs = undefined;
      return;
    }
    this.#put(text, lines);
  }

  #put(text: Buffer, lines: number): void {
    this.#busySinceMs = performance.now();
    write(this.fd, text, 0, text.length, null, (error, written) => {
      if (error?.code === 'EAGAIN') return void setTimeout(() => this.#put(text, lines), AGAIN_AFTER_MS);
      if (error) this.#dropped += lines;
      else if (written < text.length) return this.#put(text.subarray(written), lines);
      this.#next();
    });
  }
}

/** What this process says on stderr. */
export const stderrLog = new LogSink(2);

process.on('exit', () => stderrLog.flush());
