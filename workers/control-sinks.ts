import type { Client } from '@temporalio/client';
import type { InjectedSinks } from '@temporalio/worker';
import type { ControlSinks } from '../spec/activities.js';
import { runReset } from '../spec/messages.js';

/** What workflows have a control worker do besides their commands. */
export function createControlSinks(client: Client): InjectedSinks<ControlSinks> {
  return {
    runs: {
      wasReset: {
        callDuringReplay: false,
        async fn({ workflowId, runId }) {
          // Told to that execution alone. Where it is lost, the next worker that reads the history tells it.
          await client.workflow.getHandle(workflowId, runId).signal(runReset, { runId });
        },
      },
    },
  };
}
