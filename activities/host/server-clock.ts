/**
 * The server's clock as this host knows it, from the times at which the server scheduled the host's activities: never ahead of it, and behind it by
 * the fastest delivery that was seen. Counted on by the machine's monotonic clock, which does not jump.
 */
export class ServerClock {
  #aheadMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly monotonicMs: () => number = () => performance.now()) {}

  /** An activity that the server scheduled at this time (epoch milliseconds) has just arrived. */
  note(scheduledAtMs: number): void {
    this.#aheadMs = Math.max(this.#aheadMs, scheduledAtMs - this.monotonicMs());
  }

  /** Epoch milliseconds of the server's clock; of this host's own until the first activity has arrived. */
  nowMs(): number {
    return Number.isFinite(this.#aheadMs) ? this.#aheadMs + this.monotonicMs() : Date.now();
  }

  /** How far this host's clock is ahead of the server's, in milliseconds; null before the first activity. */
  get skewMs(): number | null {
    return Number.isFinite(this.#aheadMs) ? Date.now() - this.nowMs() : null;
  }
}
