import { condition } from '@temporalio/workflow';
import { LATE_MS } from './decisions/silence.js';
import { timeoutOf } from './host-failure.js';

/**
 * Does work that ends within `limitMs`, and does it again where its time-out came late: Temporal itself was away, and the time went by with
 * nobody there.
 */
export async function rearmed<T>(limitMs: number, work: () => Promise<T>): Promise<T> {
  const startedAtMs = Date.now();
  try {
    return await work();
  } catch (error) {
    if (timeoutOf(error) === undefined || Date.now() - startedAtMs < limitMs + LATE_MS) throw error;
    return await work();
  }
}

/** As `condition` with a limit, which is given once more where its end was told late: Temporal itself was away. `summary`: of the timer, for people. */
export async function conditionRearmed(holds: () => boolean, limitMs: number, summary: string): Promise<boolean> {
  const startedAtMs = Date.now();
  if (await condition(holds, limitMs, { summary })) return true;
  return Date.now() - startedAtMs >= limitMs + LATE_MS && (await condition(holds, limitMs, { summary }));
}
