import { type HeldPort, holdPort } from '../network/held-port.js';

/** The port that is held for a start's program until it goes, or nothing comes of it. */
export class KeptPort {
  #held: HeldPort | undefined;

  /** Takes over one that is held already; `isWanted` is asked now. */
  keep(held: HeldPort | undefined, isWanted: () => boolean): void {
    if (isWanted()) this.#held = held;
    else held?.release();
  }

  /** Holds this port again, as a former agent did. */
  async keepAgain(port: number, isWanted: () => boolean): Promise<void> {
    if (this.#held === undefined) this.keep(await holdPort(port), isWanted);
  }

  letGo(): void {
    this.#held?.release();
    this.#held = undefined;
  }
}
