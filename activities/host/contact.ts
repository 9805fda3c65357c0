/**
 * Says when nothing was heard of Temporal for so long after it was heard of first, by a timer of its own: a call that is under way says nothing, since on a cut line it takes as long
 * as the line is cut. `onSilent` is called once for each silence; a limit of null is none.
 */
export class Contact {
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    private readonly limitMs: number | null,
    private readonly onSilent: () => void,
  ) {}

  /** Temporal has just answered. */
  heard(): void {
    clearTimeout(this.#timer);
    if (this.limitMs === null || this.#stopped) return;
    this.#timer = setTimeout(this.onSilent, this.limitMs);
    this.#timer.unref();
  }

  /** Nobody wants to know any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
