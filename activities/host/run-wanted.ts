import { WorkflowNotFoundError } from '@temporalio/client';
import { status } from '../../spec/messages.js';
import type { RunRef } from '../../spec/nodes.js';
import type { Agent } from './agent.js';
import { inTime } from './call.js';

/** `unknown`: Temporal cannot be asked now. A lost token is no order to kill, and neither is silence. */
export type RunWanted = 'wanted' | 'closed' | 'superseded' | 'unknown';

/**
 * Asks the run, by workflow id and so through continue-as-new and reset, whether it still wants what this host does
 * for `generation`. Never throws.
 */
export async function askRun(agent: Agent, run: RunRef, generation: number): Promise<RunWanted> {
  try {
    const handle = agent.client.workflow.getHandle(run.handle);
    const description = await inTime(agent.client, () => handle.describe());
    const firstRunId = description.raw.workflowExecutionInfo?.firstRunId;
    if (description.status.name !== 'RUNNING' || (firstRunId && firstRunId !== run.runId)) return 'closed';
    const seen = await inTime(agent.client, () => handle.query(status));
    const leftOut = !seen.nodes.some(({ host }) => host === agent.host);
    return generation > 0 && seen.generation > generation && leftOut ? 'superseded' : 'wanted';
  } catch (error) {
    return error instanceof WorkflowNotFoundError ? 'closed' : 'unknown';
  }
}
