import { ActivityCancellationType, log, proxyActivities } from '@temporalio/workflow';
import type { HostActivities, NodeUpdate, UpdateNodeInput } from '../spec/activities.js';
import type { GrantedHost } from '../spec/fleet.js';
import { hostQueue } from '../spec/ids.js';
import type { CellInput, StopDecided } from '../spec/messages.js';
import type { GatheredHost } from '../spec/nodes.js';
import { failureOf } from './host-failure.js';
import { rearmed } from './in-time.js';

/** A host that is up answers in milliseconds; one that is silent so long is passed over. */
export const ANSWER_LIMIT_SECONDS = 10;
/** What a host may take to end a process over the grace: SIGKILL, the cookie's carriers, the report. */
const STOP_MARGIN_SECONDS = 15;

/** Asks a host to prepare a start for its node. Throws what the host says, or how it was silent. */
export function prepareNode(input: CellInput, { host, identity, group }: GrantedHost, gathering: string): Promise<GatheredHost> {
  const { run, program, gatherTimeoutSeconds } = input;
  const limit = answerLimit(input);
  const bringsCode = program.archives.length > 0 || program.repo !== null;
  const { startNode } = proxyActivities<HostActivities>({
    taskQueue: hostQueue(run.fleet, host),
    scheduleToStartTimeout: limit * 1000,
    scheduleToCloseTimeout: gatherTimeoutSeconds * 1000,
    startToCloseTimeout: (program.stopDurationSeconds + STOP_MARGIN_SECONDS + limit + (bringsCode ? gatherTimeoutSeconds : 0)) * 1000,
    retry: { maximumAttempts: 3, initialInterval: '200 milliseconds' },
    summary: `gather ${host}`,
  });
  return rearmed(limit * 1000, () => startNode({ host, identity, run, gathering, program: { ...program, commands: input.commands[group] ?? [] } }));
}

/**
 * Has a node that runs on take over a newer list. Never throws: who does not answer has not taken it over, for all that is known.
 */
export async function updateNode(input: UpdateNodeInput, limitMs: number): Promise<NodeUpdate> {
  const { run, host, rank } = input;
  const { updateNode: update } = proxyActivities<HostActivities>({
    taskQueue: hostQueue(run.fleet, host),
    scheduleToStartTimeout: ANSWER_LIMIT_SECONDS * 1000,
    startToCloseTimeout: limitMs,
    // An agent that ends takes its meeting along; the next one takes it up again.
    heartbeatTimeout: '5 seconds',
    retry: { maximumAttempts: 3, initialInterval: '200 milliseconds' },
    // Only its agent knows whether it has taken the list over by then.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: `new list for rank ${rank} · ${host}`,
  });
  return await update(input).catch((error: unknown): NodeUpdate => {
    return { kind: 'failed', failure: failureOf(error, host, `did not take over the list within ${ANSWER_LIMIT_SECONDS} s`), unreachable: [] };
  });
}

/** How many seconds a host has to take up what it is asked. */
export function answerLimit({ gatherTimeoutSeconds }: Pick<CellInput, 'gatherTimeoutSeconds'>): number {
  return Math.min(ANSWER_LIMIT_SECONDS, gatherTimeoutSeconds);
}

/** Ends what the run has on a host; straight to its queue, since a cancellation waits for a heartbeat. Never throws. */
export async function endNode(input: CellInput, { host, identity }: GrantedHost, cell: string, decided: StopDecided | null): Promise<void> {
  const { run, program } = input;
  const graceSeconds = decided?.mode === 'now' ? 0 : program.stopDurationSeconds;
  const { stopNode } = proxyActivities<HostActivities>({
    taskQueue: hostQueue(run.fleet, host),
    scheduleToStartTimeout: ANSWER_LIMIT_SECONDS * 1000,
    startToCloseTimeout: (graceSeconds + STOP_MARGIN_SECONDS) * 1000,
    retry: { maximumAttempts: 2 },
    summary: `stop ${host}`,
  });
  const wish = { host, identity, run, generation: decided?.generation ?? 0, gathering: cell, stopSignal: program.stopSignal, graceSeconds };
  await rearmed(ANSWER_LIMIT_SECONDS * 1000, () => stopNode(wish)).catch((error: unknown) =>
    log.warn(`${host} did not confirm the stop`, { event: 'stop-unconfirmed', host, error: String(error) }),
  );
}
