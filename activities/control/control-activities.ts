import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { ControlActivities } from '../../spec/activities.js';
import { controlQueue, fleetWorkflowId } from '../../spec/ids.js';
import { fleetRebuilt, WORKFLOW_TYPES } from '../../spec/messages.js';
import { slugName } from '../../spec/task/name.js';
import { parseTask } from '../../spec/task/parse.js';
import { describeProblem } from '../../spec/task/problem.js';
import { rememberSearchAttributes } from './search-attributes.js';

const CALLED_AT_ONCE = 20;

/** The activities of a control worker. */
export function createControlActivities(client: Client): ControlActivities {
  const usableAttributes = rememberSearchAttributes(client);
  return {
    async resolveTask(input, { defaultName }) {
      const parsed = parseTask(input, { defaultName: slugName(defaultName) });
      const searchAttributes = await usableAttributes();
      if (!parsed.ok) return { ok: false, problems: parsed.problems.map(describeProblem), searchAttributes };
      return { ok: true, task: parsed.task, warnings: parsed.warnings.map(describeProblem), searchAttributes };
    },

    async signalFleet(fleet, signal, message) {
      await client.workflow.signalWithStart(WORKFLOW_TYPES.fleet, {
        workflowId: fleetWorkflowId(fleet),
        taskQueue: controlQueue(fleet),
        args: [{ fleet }],
        signal,
        signalArgs: [message],
        staticSummary: `The hosts of the fleet ${fleet} and who holds them`,
      });
    },

    async callRuns(fleet) {
      const handles: string[] = [];
      for await (const { workflowId } of client.workflow.list({ query: `WorkflowType = '${WORKFLOW_TYPES.run}' AND ExecutionStatus = 'Running'` })) {
        handles.push(workflowId);
      }
      const called: string[] = [];
      const failures: unknown[] = [];
      for (let i = 0; i < handles.length; i += CALLED_AT_ONCE) {
        const batch = handles.slice(i, i + CALLED_AT_ONCE);
        const heard = await Promise.allSettled(batch.map((handle) => callRun(client, handle, fleet)));
        called.push(...batch.filter((_, at) => heard[at]?.status === 'fulfilled' && heard[at].value));
        failures.push(...heard.flatMap((one) => (one.status === 'rejected' ? [one.reason] : [])));
      }
      // Not before all others were called.
      if (failures.length > 0) throw failures[0];
      return called;
    },

    async findClosedRuns(runs) {
      const closed = await Promise.all(runs.map((run) => isClosed(client, run)));
      return runs.filter((_, i) => closed[i]).map(({ runId }) => runId);
    },
  };
}

/** False: it has just ended, and has nothing to ask for or to tell. */
async function callRun(client: Client, handle: string, fleet: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(handle).signal(fleetRebuilt, { fleet });
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

async function isClosed(client: Client, { handle, runId }: { handle: string; runId: string }): Promise<boolean> {
  try {
    const description = await client.workflow.getHandle(handle).describe();
    const firstRunId = description.raw.workflowExecutionInfo?.firstRunId;
    return description.status.name !== 'RUNNING' || (firstRunId != null && firstRunId !== '' && firstRunId !== runId);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return true;
    throw error;
  }
}
