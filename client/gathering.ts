import type { Client } from '@temporalio/client';
import type { HostActivities } from '../spec/activities.js';
import { hostOfQueue } from '../spec/ids.js';
import { WORKFLOW_TYPES } from '../spec/messages.js';

/** More cells than these are not asked; each looks after some tens of hosts. */
const MOST_CELLS = 40;
const START: keyof HostActivities = 'startNode';

/**
 * Hosts of a run that have been asked to prepare a node and have not answered yet, as Temporal knows it: no workflow is asked. At most those of 40 cells.
 */
export async function unanswered(client: Client, handle: string): Promise<string[]> {
  const { raw } = await client.workflow.getHandle(handle).describe();
  const cells = (raw.pendingChildren ?? []).filter(({ workflowTypeName }) => workflowTypeName === WORKFLOW_TYPES.cell).slice(0, MOST_CELLS);
  const waiting = await Promise.all(cells.map(({ workflowId }) => client.workflow.getHandle(workflowId ?? '').describe()));
  return waiting.flatMap((cell) =>
    (cell.raw.pendingActivities ?? []).flatMap(({ activityType, activityOptions }) => {
      const host = activityType?.name === START ? hostOfQueue(activityOptions?.taskQueue?.name ?? '') : null;
      return host === null ? [] : [host];
    }),
  );
}
