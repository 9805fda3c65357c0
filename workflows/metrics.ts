import { inWorkflowContext, log, metricMeter } from '@temporalio/workflow';
import type { FailureType } from '../spec/failures.js';
import { type CounterName, type HistogramName, Metrics } from '../spec/metrics.js';
import type { RunPhase } from '../spec/nodes.js';

/** Of a run's record, what its metrics and log lines are labelled with. */
interface Told {
  ref: { handle: string; fleet: string };
  generation: number;
}

// Neither leaves a trace in the history, and neither does anything while it is replayed.
const metrics = new Metrics(metricMeter);

/** Counts something that a run has come to, with its fleet. */
export function count({ ref }: Told, name: CounterName, labels: Record<string, string> = {}, by = 1): void {
  // The decisions are tested without a workflow.
  if (inWorkflowContext()) metrics.count(name, { fleet: ref.fleet, ...labels }, by);
}

/** Records how long a step of a run took. */
export function took({ ref }: Told, name: HistogramName, ms: number): void {
  if (inWorkflowContext()) metrics.record(name, ms, { fleet: ref.fleet });
}

/** One line in the control worker's log for what a run has come to. */
export function logPhase({ ref, generation }: Told, phase: RunPhase, reason: string, message: string): void {
  if (inWorkflowContext()) log.info(message, { event: 'phase', run: ref.handle, fleet: ref.fleet, generation, phase, reason });
}

/** One line in the control worker's log for what went wrong with a node. */
export function logFailure({ ref }: Told, failure: { generation: number; rank: number; host: string; type: FailureType; message: string }): void {
  const { generation, rank, host, type, message } = failure;
  if (inWorkflowContext()) log.warn(message, { event: 'failure', run: ref.handle, fleet: ref.fleet, generation, rank, host, reason: type });
}
