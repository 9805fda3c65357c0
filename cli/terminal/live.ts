import { writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { CLEAN_LINE, HIDE_CURSOR, RESTORE, Region } from './region.js';
import type { Line } from './text.js';

/** At most four times a second, so that it is calm; every second for the times in it. */
const DRAW_EVERY_MS = 250;
const TICK_MS = 1_000;
/** Lines that come together are written together: a flood of them costs one drawing each time. */
const GATHER_MS = 40;

const FALLBACK = { columns: 80, rows: 24 };

/** Whether a stream is a terminal on which a view may be drawn over and over. */
export function canLive(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && env['TERM'] !== undefined;
}

export interface Size {
  columns: number;
  rows: number;
}

/**
 * A view at the bottom of a terminal that is drawn again as what it shows changes, as time goes by, and when the terminal is resized. The cursor is
 * hidden meanwhile, and is back at every end: `stop`, `process.exit`, Ctrl-Z, and the signals that nobody else handles.
 */
export class Live {
  readonly #region: Region;
  readonly #stream: NodeJS.WriteStream;
  readonly #render: (size: Size) => Line[];
  #tick: NodeJS.Timeout | undefined;
  #due: NodeJS.Timeout | undefined;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #state: 'shown' | 'paused' | 'stopped' = 'stopped';
  #writes: (() => void)[] = [];
  #flushDue: NodeJS.Timeout | undefined;
  readonly #onResize = () => this.#draw();
  readonly #onExit = () => {
    this.#flush();
    this.#restore();
  };
  readonly #onKill = (signal: NodeJS.Signals) => {
    this.stop('keep');
    process.kill(process.pid, signal);
  };
  readonly #onSuspend = () => {
    this.#flush();
    this.#restore();
    process.kill(process.pid, 'SIGSTOP');
  };
  readonly #onContinue = () => {
    if (this.#state !== 'shown') return;
    this.#region.leave();
    this.#stream.write(HIDE_CURSOR);
    this.#draw();
  };

  /** `render` gives the lines for a terminal of this size: at most one less than it has rows. */
  constructor(stream: NodeJS.WriteStream, render: (size: Size) => Line[]) {
    this.#stream = stream;
    this.#render = render;
    const size = () => this.#size();
    this.#region = new Region({
      write: (text) => void stream.write(text),
      get columns() {
        return size().columns;
      },
      get rows() {
        return size().rows;
      },
    });
  }

  start(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'shown';
    process.on('exit', this.#onExit);
    for (const signal of ['SIGHUP', 'SIGQUIT'] as const) process.on(signal, this.#onKill);
    process.on('SIGTSTP', this.#onSuspend);
    process.on('SIGCONT', this.#onContinue);
    this.#stream.on('resize', this.#onResize);
    this.#stream.write(HIDE_CURSOR);
    this.#tick = setInterval(() => this.refresh(), TICK_MS);
    this.refresh();
  }

  /** What is shown has changed: it is drawn soon. */
  refresh(): void {
    if (this.#due !== undefined || this.#state !== 'shown') return;
    const waitMs = Math.max(0, this.#drawnAtMs + DRAW_EVERY_MS - performance.now());
    this.#due = setTimeout(() => {
      this.#due = undefined;
      this.#draw();
    }, waitMs);
  }

  /** Has something write whole lines above the view, in the order of the calls, within some hundredths of a second. */
  above(write: () => void): void {
    if (this.#state !== 'shown') {
      write();
      return;
    }
    this.#writes.push(write);
    this.#flushDue ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  /** The terminal is somebody else's until `resume`: the view is taken away, and the cursor is there. */
  pause(): void {
    if (this.#state !== 'shown') return;
    this.#flush();
    this.#region.clear();
    this.#stream.write(RESTORE);
    this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'shown';
    this.#stream.write(HIDE_CURSOR);
    this.refresh();
  }

  /** Ends the view: it is taken away, or kept as it was last drawn. */
  stop(end: 'clear' | 'keep'): void {
    if (this.#state === 'stopped') return;
    this.#flush();
    if (end === 'clear') this.#region.clear();
    this.#state = 'stopped';
    clearInterval(this.#tick);
    clearTimeout(this.#due);
    this.#due = undefined;
    this.#stream.off('resize', this.#onResize);
    process.off('exit', this.#onExit);
    for (const signal of ['SIGHUP', 'SIGQUIT'] as const) process.off(signal, this.#onKill);
    process.off('SIGTSTP', this.#onSuspend);
    process.off('SIGCONT', this.#onContinue);
    // Where it ends by Ctrl-C, the terminal has written `^C` below it.
    this.#stream.write(`${RESTORE}${CLEAN_LINE}`);
  }

  #draw(): void {
    if (this.#state !== 'shown') return;
    this.#flush();
    this.#drawnAtMs = performance.now();
    const size = this.#size();
    this.#region.show(this.#render(size).slice(0, Math.max(0, size.rows - 1)));
  }

  #flush(): void {
    clearTimeout(this.#flushDue);
    this.#flushDue = undefined;
    const writes = this.#writes.splice(0);
    if (writes.length === 0) return;
    this.#region.above(() => {
      for (const write of writes) write();
    });
  }

  /** Also while the process is leaving, when nothing is written any more but at once. */
  #restore(): void {
    try {
      writeSync((this.#stream as unknown as { fd: number }).fd, RESTORE);
    } catch {
      // The terminal is gone: there is nothing to put back.
    }
  }

  #size(): Size {
    // A terminal may say that it has no columns at all.
    return { columns: this.#stream.columns || FALLBACK.columns, rows: this.#stream.rows || FALLBACK.rows };
  }
}
