import { setTimeout as pause } from 'node:timers/promises';
import type { Health } from '../../spec/task/health.js';
import { type GatePlace, tryProbe } from './readiness.js';

/** A program that fails its health check so often in a row is ended: what was seen last, in words. */
export type OnUnhealthy = (seen: string) => void;

/**
 * Checks a program again and again until the signal aborts, and tells once when `failures` checks in a row have failed; those within the start period
 * do not count. A check counts as failed when it takes longer than its timeout. Never throws.
 */
export async function watchHealth(health: Health, place: GatePlace, onUnhealthy: OnUnhealthy): Promise<void> {
  const { signal } = place;
  const countsFromMs = performance.now() + health.startPeriodSeconds * 1000;
  let failed = 0;
  while (!signal.aborted) {
    await pause(health.intervalSeconds * 1000, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    const seen = await tryProbe(health, place, health.timeoutSeconds * 1000).catch((error: unknown) => String(error));
    if (signal.aborted) return;
    if (seen === 'ready' || performance.now() < countsFromMs) failed = 0;
    else failed++;
    if (failed < health.failures) continue;
    const times = failed === 1 ? 'failed' : `failed ${failed} times in a row`;
    return onUnhealthy(`its health check ${times}: ${seen}`);
  }
}
