import { closeSync, openSync, readSync } from 'node:fs';
import { isLive, readProcess } from '../../activities/process/identity.js';
import { type Line, parseJournal, uptimeS } from './journal.js';

const LOOK_EVERY_MS = 40;
/** A process that is where it should be is noted so often. */
const NOTE_EVERY_S = 1;

interface Known {
  line: Line;
  startTime: number;
  notedS: number;
}

/**
 * Reads a journal as it grows and looks after every process that has written to it, so that the life of one that was killed, and says nothing any more,
 * is known too. A process is looked at after all that was written by then was read: what is `seen` is true after it.
 */
export class Watcher {
  readonly lines: Line[] = [];
  readonly #fd: number;
  readonly #live = new Map<string, Known>();
  readonly #timer: NodeJS.Timeout;
  #at = 0;
  #closed = false;
  #rest = '';

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** Once more, now. */
  look(): void {
    for (const line of this.#read()) {
      this.lines.push(line);
      this.#meet(line);
    }
    for (const [key, known] of this.#live) {
      const now = readProcess(known.line.pid);
      if (now === undefined || now.startTime !== known.startTime || !isLive(now)) {
        this.#live.delete(key);
        continue;
      }
      const atS = uptimeS();
      if (!this.#isOutdated(known.line) && atS - known.notedS < NOTE_EVERY_S) continue;
      known.notedS = atS;
      this.lines.push({ ...known.line, atS, event: 'seen' });
    }
  }

  /** Programs that live, without their helpers, oldest first. */
  programs(): Line[] {
    this.look();
    return [...this.#live.values()].map(({ line }) => line).filter(({ event }) => event === 'start');
  }

  /** All that lives and has written. */
  alive(): Line[] {
    this.look();
    return [...this.#live.values()].map(({ line }) => line);
  }

  /** Again and again: the same. */
  close(): void {
    if (this.#closed) return;
    clearInterval(this.#timer);
    this.look();
    this.#closed = true;
    closeSync(this.#fd);
  }

  #read(): Line[] {
    const buffer = Buffer.alloc(64 * 1024);
    for (;;) {
      const count = readSync(this.#fd, buffer, 0, buffer.length, this.#at);
      if (count === 0) break;
      this.#at += count;
      this.#rest += buffer.toString('latin1', 0, count);
    }
    const end = this.#rest.lastIndexOf('\n') + 1;
    const whole = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end);
    return parseJournal(whole);
  }

  #meet(line: Line): void {
    const key = `${line.pid} ${line.host} ${line.startNumber} ${line.event === 'helper'}`;
    if (this.#live.has(key) || (line.event !== 'start' && line.event !== 'helper')) return;
    const now = readProcess(line.pid);
    if (now && isLive(now)) this.#live.set(key, { line, startTime: now.startTime, notedS: line.atS });
  }

  /** Who is to have ended is looked at closely; a program whose list changes while it runs may be older than others. */
  #isOutdated({ runId, host, generation, startNumber, read }: Line): boolean {
    return this.lines.some(
      (other) =>
        other.event === 'start' &&
        other.runId === runId &&
        ((read === undefined && other.generation > generation) || (other.host === host && other.startNumber > startNumber)),
    );
  }
}
