import { isCancellation, proxyActivities } from '@temporalio/workflow';
import type { HostActivities } from '../spec/activities.js';
import type { HostFacts, Lease } from '../spec/fleet.js';
import { hostQueue } from '../spec/ids.js';

const STOP_MARGIN_MS = 15_000;

/** Has a host end what is left of a lease's run. False: something is, or it does not answer. */
export async function cleanHost(fleet: string, { host, identity }: HostFacts, { runId, handle, stop }: Lease): Promise<boolean> {
  const { stopNode } = proxyActivities<HostActivities>({
    taskQueue: hostQueue(fleet, host),
    scheduleToStartTimeout: '10 seconds',
    startToCloseTimeout: stop.seconds * 1000 + STOP_MARGIN_MS,
    retry: { maximumAttempts: 2 },
    summary: `end what is left on ${host}`,
  });
  try {
    const result = await stopNode({
      ...{ host, identity },
      run: { handle, runId, name: '', fleet },
      generation: 0,
      gathering: null,
      stopSignal: stop.signal,
      graceSeconds: stop.seconds,
    });
    return result.clean;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return false;
  }
}
