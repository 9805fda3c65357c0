/** A bucket of bytes that fills at a steady rate up to its brim: what a follower may read without burdening Temporal. */
export class Allowance {
  #left: number;
  #atMs: number;

  constructor(
    private readonly bytesPerSecond: number,
    private readonly brimBytes: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#left = brimBytes;
    this.#atMs = now();
  }

  /** Takes bytes that were read; how many milliseconds to wait before the next are read. */
  take(bytes: number): number {
    this.#fill();
    this.#left -= bytes;
    return this.#left >= 0 ? 0 : (-this.#left / this.bytesPerSecond) * 1_000;
  }

  #fill(): void {
    const nowMs = this.now();
    this.#left = Math.min(this.brimBytes, this.#left + ((nowMs - this.#atMs) / 1_000) * this.bytesPerSecond);
    this.#atMs = nowMs;
  }
}
