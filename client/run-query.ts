import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { WORKFLOW_TYPES } from '../spec/messages.js';
import type { RunPhase } from '../spec/nodes.js';
import { ANSWER_LIMIT_MS } from './ask.js';
import type { RunSummary } from './run-summary.js';

/** Temporal's list of runs, and of no other workflow. */
export const OF_A_RUN = `WorkflowType = '${WORKFLOW_TYPES.run}'`;

/** What Temporal's list calls a workflow that is in such a state as it knows them. It writes CANCELLED with one L. */
export const STATUS_WORDS: Record<RunSummary['state'], readonly string[]> = {
  running: ['Running'],
  succeeded: ['Completed'],
  failed: ['Failed', 'TimedOut'],
  cancelled: ['Canceled', 'Terminated'],
};

/** The same for the phases that runs say themselves. A run that was stopped says `cancelled`, and has failed for Temporal. */
export function statusWordsOf(phase: RunPhase): readonly string[] {
  if (phase === 'cancelled') return [...STATUS_WORDS.cancelled, 'Failed'];
  return phase === 'succeeded' || phase === 'failed' ? STATUS_WORDS[phase] : STATUS_WORDS.running;
}

/** A value of the query language, whatever is in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** `name IN ('a', 'b')`. */
export function oneOf(name: string, values: Iterable<string>): string {
  return `${name} IN (${[...values].map(quoted).join(', ')})`;
}

/** What Temporal lists, read page by page as it is taken: workflows that go on, the newest first, then those that have ended, the last end first. */
export async function* listed(client: Client, query: string, pageSize: number): AsyncGenerator<WorkflowExecutionInfo, void, undefined> {
  const pages = client.workflow.list({ query, pageSize })[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await client.withDeadline(Date.now() + ANSWER_LIMIT_MS, () => pages.next());
    if (done) return;
    yield value;
  }
}
