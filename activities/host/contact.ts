import type { ContactMark } from './contact-mark.js';

/**
 * Says when nothing was heard of Temporal for so long after it was heard of first, by a timer of its own: a call that is under way says nothing, since on a cut line it takes as long
 * as the line is cut. `onSilent` is called once for each silence, with how much later than the limit that is; a limit of null is none.
 */
export class Contact {
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    private readonly limitMs: number | null,
    private readonly onSilent: (overdueMs: number) => void,
    private readonly mark?: ContactMark,
  ) {}

  /** Temporal has just answered. */
  heard(): void {
    this.#arm(0);
    if (this.limitMs !== null) this.mark?.write();
  }

  /** Goes on with a former agent's silence: a new agent is no answer of Temporal's. */
  resume(): void {
    const agoMs = this.mark?.agoMs();
    // Where nothing tells, this life counts, and is the last that does.
    if (agoMs === undefined) this.heard();
    else this.#arm(agoMs);
  }

  /** How much longer than the limit a former agent's silence is by now. */
  get overdueMs(): number {
    const agoMs = this.limitMs === null ? undefined : this.mark?.agoMs();
    return agoMs === undefined ? 0 : Math.max(0, agoMs - (this.limitMs ?? 0));
  }

  #arm(agoMs: number): void {
    clearTimeout(this.#timer);
    if (this.limitMs === null || this.#stopped) return;
    const leftMs = this.limitMs - agoMs;
    this.#timer = setTimeout(() => this.onSilent(Math.max(0, -leftMs)), Math.max(0, leftMs));
    this.#timer.unref();
  }

  /** Nobody wants to know any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
