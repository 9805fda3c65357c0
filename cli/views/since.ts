/** Since when things have been in the state that they are in, for one who looks again and again. */
export class Since {
  readonly #seen = new Map<string, { state: string; sinceMs: number | null }>();

  /** Notes a state as it is seen; `knownMs`: since when it is known to be, where it is. What was there at the first look may have been for long. */
  note(key: string, state: string, nowMs: number, knownMs?: number | null): void {
    const before = this.#seen.get(key);
    if (before?.state === state && knownMs == null) return;
    this.#seen.set(key, { state, sinceMs: knownMs ?? (before === undefined ? null : nowMs) });
  }

  /** Epoch milliseconds; null where it is not known. */
  of(key: string): number | null {
    return this.#seen.get(key)?.sinceMs ?? null;
  }
}

/** How long, in one unit, so that it changes rarely: `12 s`, `4 min`, `31 h`, `9 d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3_600) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
