/** Measures how long something has run, over pauses. Plain JSON. Times are epoch milliseconds of the workflow's clock. */
export interface Clock {
  ranMs: number;
  /** null: it does not run now. */
  sinceMs: number | null;
}

/** The name of the clock that runs while all nodes do. */
export const GANG = '';

export function startClock(clocks: Record<string, Clock>, name: string): void {
  const clock = clocks[name] ?? { ranMs: 0, sinceMs: null };
  clocks[name] = { ...clock, sinceMs: clock.sinceMs ?? Date.now() };
}

export function stopClock(clocks: Record<string, Clock>, name: string): void {
  clocks[name] = { ranMs: ranMs(clocks, name), sinceMs: null };
}

/** How many milliseconds it has run by now. */
export function ranMs(clocks: Readonly<Record<string, Clock>>, name: string): number {
  const clock = clocks[name];
  if (clock === undefined) return 0;
  return clock.ranMs + (clock.sinceMs === null ? 0 : Date.now() - clock.sinceMs);
}
