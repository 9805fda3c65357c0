import { ActivityNotFoundError, WorkflowNotFoundError } from '@temporalio/client';
import type { Failure } from '../../spec/failures.js';
import { fleetWorkflowId } from '../../spec/ids.js';
import * as messages from '../../spec/messages.js';
import type { NodeEnd, UnreachablePair } from '../../spec/nodes.js';
import { BarrierBroken } from '../network/errors.js';
import type { Agent } from './agent.js';
import { inTime } from './call.js';
import { RosterNotKept } from './enter-alone.js';

const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 5_000;
const TELL_TRIES = 10;

/**
 * Tells how a node ended, by activity id, which works on an attempt that nobody has taken yet. Resolves when that is acknowledged, nobody
 * wants it any more, or `isOver`.
 */
export async function reportEnd(
  { client, log }: Agent,
  { workflowId, activityId }: { workflowId: string; activityId: string },
  end: NodeEnd,
  start: string,
  isOver: () => boolean,
): Promise<void> {
  for (let waitMs = RETRY_FIRST_MS; !isOver(); waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
    try {
      await inTime(client, () => client.activity.complete({ workflowId, activityId }, end));
      return;
    } catch (error) {
      if (error instanceof ActivityNotFoundError) return;
      log.warn({ event: 'end-untold', cookie: start, error: String(error) }, 'the end of a node could not be reported yet');
      await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
    }
  }
}

/** Tells a run that its nodes were released. Never throws. */
export async function tellReleased({ client, log }: Agent, handle: string, generation: number): Promise<void> {
  await inTime(client, () => client.workflow.getHandle(handle).signal(messages.nodesReleased, { generation })).catch((error: unknown) =>
    log.warn({ event: 'release-untold', run: handle, generation, error: String(error) }, 'the run could not be told of the release'),
  );
}

/** Tells a cell that this host has taken its node up again. Tries for a while, never throws. */
export async function tellHeard({ client, host, log }: Agent, cell: string): Promise<void> {
  for (let tries = 0, waitMs = RETRY_FIRST_MS; tries < TELL_TRIES; tries++, waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
    try {
      await inTime(client, () => client.workflow.getHandle(cell).signal(messages.nodeHeard, { host }));
      return;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return;
      log.warn({ event: 'heard-untold', error: String(error) }, 'the cell could not be told that its node is heard');
      await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
    }
  }
}

/** Tells the fleet that nothing of the run is left on this host. Never throws. */
export async function tellCleaned({ client, fleet, host, log }: Agent, runId: string): Promise<void> {
  await inTime(client, () => client.workflow.getHandle(fleetWorkflowId(fleet)).signal(messages.hostCleaned, { host, runId })).catch((error: unknown) =>
    log.warn({ event: 'clean-untold', error: String(error) }, 'the fleet could not be told that the host is clean'),
  );
}

/** What kept a node from being released, as data. */
export function asFailure(error: unknown): Failure & { unreachable: UnreachablePair[] } {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof RosterNotKept) return { type: 'HostStateLost', message, unreachable: [] };
  if (!(error instanceof BarrierBroken)) return { type: 'NodeSetupFailed', message, unreachable: [] };
  return { type: error.reason === 'unreachable' ? 'PeersUnreachable' : 'BarrierBroken', message, unreachable: error.unreachable };
}
