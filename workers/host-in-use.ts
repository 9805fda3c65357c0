import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { inTime } from '../activities/host/call.js';
import type { HostDescription } from '../spec/activities.js';

const ASK_MS = 2_000;
const TRIES = 20;
const AGAIN_AFTER_MS = 500;
const TASK_QUEUE_TYPE_ACTIVITY = 2;

/** Another live agent serves this host's queue. */
export class HostIdInUse extends Error {}

/** How an agent is named among the pollers of its queue: whose data directory, which process. */
export function pollerIdentity(host: string, identity: string): string {
  return `${host}/${identity}/${process.pid}`;
}

/**
 * Refuses to share a host's queue: two agents on one would take each other's tasks unseen. Asks only where the server has seen
 * a poller of another data directory within minutes; that one must answer within 2 s, or it is gone. Throws `HostIdInUse`.
 */
export async function refuseSharedQueue(client: Client, queue: string, host: string, identity: string): Promise<void> {
  const { pollers } = await pollersOf(client, queue);
  const others = (pollers ?? []).filter((poller) => !poller.identity?.startsWith(`${host}/${identity}/`));
  if (others.length === 0) return;
  const other = await ask(client, queue);
  if (!other || other.identity === identity) return;
  throw new HostIdInUse(
    `The host name ${host} is in use by another live agent (${other.version}, process ${other.pid}); give this one a name of its own with --name`,
  );
}

/** Temporal was there a moment ago: one that does not answer is asked again for a while. */
async function pollersOf(client: Client, queue: string) {
  const question = { namespace: client.options.namespace, taskQueue: { name: queue }, taskQueueType: TASK_QUEUE_TYPE_ACTIVITY };
  for (let tries = 1; ; tries++) {
    try {
      return await inTime(client, () => client.workflowService.describeTaskQueue(question));
    } catch (error) {
      if (tries >= TRIES) throw error;
      await pause(AGAIN_AFTER_MS);
    }
  }
}

async function ask(client: Client, queue: string): Promise<HostDescription | undefined> {
  try {
    return await client.activity.execute<HostDescription>('describeHost', {
      id: `describe-${randomUUID()}`,
      taskQueue: queue,
      scheduleToStartTimeout: ASK_MS,
      scheduleToCloseTimeout: ASK_MS,
      retry: { maximumAttempts: 1 },
    });
  } catch {
    return undefined;
  }
}
