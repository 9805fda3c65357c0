import { readFileSync } from 'node:fs';
import type { ProcessStat } from './identity.js';

/** USER_HZ is 100 on every Linux that Node.js runs on. */
export const TICKS_PER_SECOND = 100;
const toleranceMs = 50;

/** Since the boot, the time asleep included: the clock of a process's start time. */
export function uptimeMs(): number {
  return Number.parseFloat(readFileSync('/proc/uptime', 'utf8')) * 1000;
}

/** True when the process surely began before this wall-clock time, given that the clock was not set back meanwhile. */
export function startedBeforeMs(process: Pick<ProcessStat, 'startTime'>, wallClockMs: number): boolean {
  const startedMs = Date.now() - uptimeMs() + (process.startTime * 1000) / TICKS_PER_SECOND;
  return startedMs + toleranceMs < wallClockMs;
}
