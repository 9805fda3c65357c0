import type { WorkflowExecutionInfo } from '@temporalio/client';

/**
 * A run as Temporal's list knows it: a moment behind, and one that was stopped reads as failed. What a run itself says of its beginning is in its status: `runId` and
 * `submittedAtMs` there are those of its first execution.
 */
export interface RunSummary {
  run: string;
  /** Of its latest execution: a run that lasts continues as new. */
  runId: string;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
  /** When its latest execution began. */
  startedAtMs: number;
  endedAtMs: number | null;
}

const STATES: Record<string, RunSummary['state']> = {
  RUNNING: 'running',
  COMPLETED: 'succeeded',
  FAILED: 'failed',
  TIMED_OUT: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'cancelled',
};

/** null: it has continued as new, and is listed as what it is now. */
export function asSummary({ workflowId, runId, status, startTime, closeTime }: WorkflowExecutionInfo): RunSummary | null {
  if (status.name === 'CONTINUED_AS_NEW') return null;
  const state = STATES[status.name] ?? 'running';
  return { run: workflowId, runId, state, startedAtMs: startTime.getTime(), endedAtMs: closeTime?.getTime() ?? null };
}
