import { type WorkflowExecutionDescription, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { DEFAULT_FLEET } from '../spec/ids.js';
import type { NodeState, RunPhase, RunStatus } from '../spec/nodes.js';

/** A run's own last word, or the failure that came without one. */
export type RunOutcome = { status: RunStatus } | { failure: Error };

/** Waits for the end of a run. Errors of the connection are thrown as they are. */
export async function outcomeOf(workflow: WorkflowHandle): Promise<RunOutcome> {
  try {
    const result: unknown = await workflow.result();
    return isStatus(result) ? { status: result } : { failure: new Error('The workflow ended without a status') };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const failure = error.cause ?? error;
    const details = failure instanceof ApplicationFailure || failure instanceof CancelledFailure ? failure.details?.[0] : undefined;
    return isStatus(details) ? { status: details } : { failure };
  }
}

/** The status of a run that could not say its last word: what it last said, closed as Temporal says that it was. */
export function closedStatus(description: WorkflowExecutionDescription, failure: Error, known: RunStatus | undefined): RunStatus {
  const { workflowId, runId, startTime, closeTime } = description;
  const base: RunStatus = known ?? {
    ...{ run: workflowId, runId, name: workflowId, fleet: DEFAULT_FLEET },
    ...{ phase: 'failed', reason: '', message: '', generation: 0, restarts: 0, restartsLeft: null, losses: 0, failures: [] },
    ...{ nodesWanted: 0, resizes: [], nodes: [], formerNodes: [], warnings: [] },
    ...{ submittedAtMs: startTime.getTime(), releasedAtMs: null, endedAtMs: null, lastLines: '' },
  };
  const over: NodeState[] = ['succeeded', 'failed', 'lost'];
  const nodes = base.nodes.map((node) => (over.includes(node.state) ? node : { ...node, state: 'stopped' as const }));
  return { ...base, ...verdict(failure), nodes, endedAtMs: base.endedAtMs ?? closeTime?.getTime() ?? null };
}

function verdict(failure: Error): { phase: RunPhase; reason: string; message: string } {
  if (failure instanceof TerminatedFailure) {
    const message = 'The workflow was terminated; the hosts end its processes by themselves';
    return { phase: 'cancelled', reason: 'Terminated', message };
  }
  if (failure instanceof CancelledFailure) return { phase: 'cancelled', reason: 'Cancelled', message: 'The workflow was cancelled' };
  if (failure instanceof TimeoutFailure) return { phase: 'failed', reason: 'TimedOut', message: 'The workflow timed out as a whole' };
  const type = failure instanceof ApplicationFailure ? failure.type : undefined;
  return { phase: 'failed', reason: type ?? 'Internal', message: failure.message };
}

function isStatus(value: unknown): value is RunStatus {
  return typeof value === 'object' && value !== null && 'run' in value && 'phase' in value && 'nodes' in value && Array.isArray(value.nodes);
}
