import type { Client } from '@temporalio/client';

const ANSWER_LIMIT_MS = 5_000;

/** Calls Temporal, which answers in milliseconds or is not there: fails after `limitMs`, where a cut cable would hold the call for minutes. */
export function inTime<T>(client: Client, call: () => Promise<T>, limitMs = ANSWER_LIMIT_MS): Promise<T> {
  return client.withDeadline(Date.now() + limitMs, call);
}
