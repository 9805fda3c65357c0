import type { Client } from '@temporalio/client';

/** How many nodes of the run have beaten at or after this, by the server's clock; what is over, or waits to be taken up, does not count. */
export async function countHeard(client: Client, run: string, sinceMs: number): Promise<number> {
  const { raw } = await client.workflow.getHandle(run).describe();
  const cells = (raw.pendingChildren ?? []).flatMap(({ workflowId }) => workflowId ?? []);
  const beats = await Promise.all(cells.map((cell) => lastBeats(client, cell)));
  return beats.flat().filter((atMs) => atMs >= sinceMs).length;
}

async function lastBeats(client: Client, cell: string): Promise<number[]> {
  const { raw } = await client.workflow.getHandle(cell).describe();
  const nodes = (raw.pendingActivities ?? []).filter(({ activityType }) => activityType?.name === 'runNode');
  return nodes.map(({ lastHeartbeatTime: at }) => Number(at?.seconds ?? 0) * 1000 + (at?.nanos ?? 0) / 1e6);
}
