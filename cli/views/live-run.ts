import type { Run, RunStatus } from '../../client/index.js';
import { Live, type Size } from '../terminal/live.js';
import { ListChange } from './list-change.js';
import { paintsFor } from './paints.js';
import { runView } from './run-view.js';
import { Since } from './since.js';

/** Who has not answered is asked for after so long, and so often: most gatherings are over by then. */
const ASK_EVERY_MS = 1_000;

/** A run, live at the bottom of a terminal. */
export class LiveRun {
  readonly live: Live;
  readonly #since = new Since();
  readonly #list = new ListChange();
  #change: { text: string; atMs: number } | null = null;
  #status: RunStatus | undefined;
  #missing: string[] | null = null;
  #asking: NodeJS.Timeout | undefined;
  #trouble = '';

  /** `room`: how many lines it may take of a terminal that has so many rows. */
  constructor(
    private readonly run: Run,
    stream: NodeJS.WriteStream,
    room: (rows: number) => number,
  ) {
    const paint = paintsFor(stream);
    this.live = new Live(stream, ({ columns, rows }: Size) => {
      if (this.#status === undefined) return [];
      const look = { nowMs: Date.now(), columns, rows: room(rows), sinceMs: (host: string) => this.#since.of(host) };
      return runView(this.#status, { ...look, missing: this.#missing, change: this.#change, trouble: this.#trouble, paint });
    });
  }

  take(status: RunStatus): void {
    this.#trouble = '';
    const isFirst = this.#status === undefined;
    this.#status = status;
    const change = this.#list.take(status);
    if (change !== null) this.#change = { text: change, atMs: Date.now() };
    for (const { host, state, startNumber, sinceMs } of status.nodes) {
      // Of who runs since the release it is known, however late one looks.
      const released = isFirst && state === 'running' && startNumber === 1 ? status.releasedAtMs : null;
      this.#since.note(host, `${state}/${startNumber}`, Date.now(), sinceMs || released);
    }
    if (status.phase !== 'gathering') this.#stopAsking();
    else this.#asking ??= setTimeout(() => void this.#ask(), ASK_EVERY_MS);
    this.live.refresh();
  }

  /** Shown until the next status comes. */
  trouble(message: string): void {
    this.#trouble = message;
    this.live.refresh();
  }

  stop(end: 'clear' | 'keep'): void {
    this.#stopAsking();
    this.live.stop(end);
  }

  async #ask(): Promise<void> {
    const missing = await this.run.unanswered().catch(() => null);
    if (this.#asking === undefined) return;
    this.#missing = missing;
    this.#asking = setTimeout(() => void this.#ask(), ASK_EVERY_MS);
    this.live.refresh();
  }

  #stopAsking(): void {
    clearTimeout(this.#asking);
    this.#asking = undefined;
    this.#missing = null;
  }
}
