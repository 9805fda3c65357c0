import type { WorkflowExecutionInfo } from '@temporalio/client';

/** A row of `muster ps`, as Temporal's list knows it: a moment behind, and a run that was stopped reads as failed. */
export interface RunSummary {
  run: string;
  /** Of its latest execution. */
  runId: string;
  state: 'running' | 'succeeded' | 'failed' | 'cancelled';
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
