import type { Client } from '@temporalio/client';
import { findCarriers } from '../../activities/process/terminate.js';
import { status } from '../../spec/messages.js';
import type { RunPhase, RunStatus } from '../../spec/nodes.js';
import { until } from './until.js';

export function statusOf(client: Client, run: string): Promise<RunStatus> {
  return client.workflow.getHandle(run).query(status);
}

/** Waits for a phase; the message of a time-out holds the whole status. */
export function untilPhase(client: Client, run: string, phase: RunPhase, limitMs = 30_000): Promise<RunStatus> {
  return until(
    () => statusOf(client, run),
    (seen) => seen.phase === phase,
    limitMs,
  );
}

/** The processes on this machine that belong to a run, on whatever host. */
export function processesOf(runId: string): number[] {
  return findCarriers(`${runId}/`).map(({ pid }) => pid);
}

/** No process of the run is left within the limit. */
export async function untilNothingLeft(runId: string, limitMs = 5_000): Promise<void> {
  await until(() => processesOf(runId), [], limitMs);
}
