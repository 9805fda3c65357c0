import { appendFileSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { startFile } from './start-dir.js';

/** So many bytes of a start's output were there at this moment, in epoch milliseconds of this host's clock. */
export interface TimeMark {
  atMs: number;
  size: number;
}

/** The clock by which the kernel dates a write is behind by a tick: on Linux between 1 and 10 ms. */
const FILE_CLOCK_MS = 10;
/** An index never holds more marks, however long its program writes. */
const MOST_MARKS = 4_096;
/** When it is full, so many of the newest stay as they are, and of the others so many, evenly over their time. */
const KEPT_MARKS = 1_024;

/**
 * Keeps, beside a start's output, when it grew: the program writes alone, so the lines themselves carry no time. A byte's time is never earlier than the moment at which it was
 * written, and later by at most the pause between two notes; after hours of writing by more, for what is old. Without Temporal, and
 * without an agent for a while, nothing is lost of it but precision.
 */
export class OutputTimes {
  #marks: number | undefined;
  #size = 0;

  constructor(private readonly dir: string) {}

  /** Notes how large the output is, where it has grown since the last note. A few system calls; never throws. */
  note(): void {
    const stat = statSync(startFile(this.dir, 'output'), { throwIfNoEntry: false });
    if (stat === undefined || stat.size <= this.#size) return;
    try {
      this.#marks ??= this.#takeUp();
      if (stat.size <= this.#size) return;
      appendFileSync(startFile(this.dir, 'outputTimes'), `${writtenMs(stat)} ${stat.size}\n`, { mode: 0o600 });
      this.#size = stat.size;
      this.#marks++;
      if (this.#marks > MOST_MARKS) this.#thin();
    } catch {
      // A full disk: what is not noted gets the time of the next note.
    }
  }

  #takeUp(): number {
    const marks = readMarks(this.dir);
    this.#size = marks.at(-1)?.size ?? 0;
    return marks.length;
  }

  #thin(): void {
    const marks = thinned(readMarks(this.dir), KEPT_MARKS);
    const file = startFile(this.dir, 'outputTimes');
    writeFileSync(`${file}.new`, marks.map(({ atMs, size }) => `${atMs} ${size}\n`).join(''), { mode: 0o600 });
    renameSync(`${file}.new`, file);
    this.#marks = marks.length;
  }
}

/** The newest `kept` marks, and of the older ones at most as many, evenly over their time. What lay before a mark that went gets the time of the next. */
export function thinned(marks: readonly TimeMark[], kept: number): TimeMark[] {
  const older = marks.slice(0, -kept);
  const newest = marks.slice(-kept);
  const fromMs = older[0]?.atMs ?? 0;
  const slotMs = Math.max(1, ((older.at(-1)?.atMs ?? 0) - fromMs + 1) / kept);
  const slotOf = ({ atMs }: TimeMark) => Math.floor((atMs - fromMs) / slotMs);
  // The last of its slot stays: no byte may seem older than it is.
  const stay = older.filter((mark, i) => i === older.length - 1 || slotOf(mark) !== slotOf(older[i + 1] as TimeMark));
  return [...stay.slice(-kept), ...newest];
}

/** When which part of a start's output was there, in its order. The last mark covers all of it. */
export function readTimes(dir: string): TimeMark[] {
  const marks = readMarks(dir);
  const stat = statSync(startFile(dir, 'output'), { throwIfNoEntry: false });
  if (stat !== undefined && stat.size > (marks.at(-1)?.size ?? 0)) marks.push({ atMs: writtenMs(stat), size: stat.size });
  return marks;
}

/** From where on output may have been written at or after this moment. */
export function offsetSince(times: readonly TimeMark[], sinceMs: number): number {
  const first = times.findIndex(({ atMs }) => atMs >= sinceMs);
  return first < 0 ? (times.at(-1)?.size ?? 0) : (times[first - 1]?.size ?? 0);
}

/** When the last byte was written, at the latest: the kernel's word on it, also where nobody was there to see it. */
function writtenMs({ mtimeMs }: { mtimeMs: number }): number {
  return Math.min(Date.now(), Math.ceil(mtimeMs) + FILE_CLOCK_MS);
}

function readMarks(dir: string): TimeMark[] {
  let text: string;
  try {
    text = readFileSync(startFile(dir, 'outputTimes'), 'latin1');
  } catch {
    return [];
  }
  const marks: TimeMark[] = [];
  for (const line of text.split('\n')) {
    const [, at, upTo] = /^(\d{1,15}) (\d{1,15})$/.exec(line) ?? [];
    const mark = { atMs: Number(at), size: Number(upTo) };
    // A line that a full disk has cut short may name any size.
    if (at !== undefined && mark.size > (marks.at(-1)?.size ?? 0)) marks.push(mark);
  }
  return marks;
}
