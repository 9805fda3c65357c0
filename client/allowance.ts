/** A bucket of bytes, or of reads, that fills at a steady rate up to its brim: what a follower may do without burdening Temporal. */
export class Allowance {
  #left: number;
  #atMs: number;

  constructor(
    private readonly perSecond: number,
    private readonly brim: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#left = brim;
    this.#atMs = now();
  }

  /** Takes what was used; how many milliseconds to wait before more is. */
  take(amount: number): number {
    this.#fill();
    this.#left -= amount;
    return this.#left >= 0 ? 0 : (-this.#left / this.perSecond) * 1_000;
  }

  #fill(): void {
    const nowMs = this.now();
    this.#left = Math.min(this.brim, this.#left + ((nowMs - this.#atMs) / 1_000) * this.perSecond);
    this.#atMs = nowMs;
  }
}
