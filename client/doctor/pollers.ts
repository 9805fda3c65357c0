import type { Client } from '@temporalio/client';

export const TASK_QUEUE = { workflow: 1, activity: 2 } as const;

/** Who has asked a queue for work, within the last five minutes. */
export interface Poller {
  identity: string;
  seenAgoMs: number;
}

/** A poll lasts a minute at most: whoever has begun none for longer does not poll any more. */
const POLL_MS = 75_000;

/** Does it still poll, as far as can be told? */
export function isPolling({ seenAgoMs }: Poller): boolean {
  return seenAgoMs <= POLL_MS;
}

/** Whom the server has seen at a queue. `serverAheadMs`: of this machine's clock, which the answer is read by. */
export async function readPollers(client: Client, queue: string, kind: 1 | 2, serverAheadMs: number): Promise<Poller[]> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    ...{ namespace: client.options.namespace, taskQueue: { name: queue }, taskQueueType: kind },
  });
  const nowMs = Date.now() + serverAheadMs;
  return (pollers ?? []).map(({ identity, lastAccessTime }) => {
    const seenAtMs = Number(lastAccessTime?.seconds ?? 0) * 1_000 + (lastAccessTime?.nanos ?? 0) / 1e6;
    return { identity: identity ?? '', seenAgoMs: Math.max(0, nowMs - seenAtMs) };
  });
}
