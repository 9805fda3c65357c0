import { readFileSync } from 'node:fs';
import type { ProcessStat } from './identity.js';

// USER_HZ is 100 on every Linux that Node.js runs on.
const ticksPerSecond = 100;
const toleranceMs = 50;

/** True when the process surely began before this wall-clock time, given that the clock was not set back meanwhile. */
export function startedBeforeMs(process: Pick<ProcessStat, 'startTime'>, wallClockMs: number): boolean {
  const uptimeMs = Number.parseFloat(readFileSync('/proc/uptime', 'utf8')) * 1000;
  const startedMs = Date.now() - uptimeMs + (process.startTime * 1000) / ticksPerSecond;
  return startedMs + toleranceMs < wallClockMs;
}
