import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Logger } from 'pino';
import { inTime } from '../activities/host/call.js';
import type { FleetMemo, HostFacts } from '../spec/fleet.js';
import { controlQueue, fleetWorkflowId } from '../spec/ids.js';
import { type HostAnnounced, hostAnnounced, WORKFLOW_TYPES } from '../spec/messages.js';

const LOOK_EVERY_MS = 5_000;
/** A gap this long between two looks: the machine was frozen or cut off, and may count as silent by now. */
const GAP_MS = 15_000;

/** Keeps the fleet workflow informed of one host. */
export interface Announcer {
  /** Tells the fleet that this host takes no further run. */
  leave(): Promise<void>;
  stop(): void;
}

/**
 * Announces the host by signal-with-start, and looks at the fleet workflow every few seconds, which adds no event: a fleet
 * that was ended is told again, with whether the host was drained, and so is one that may have given the host up meanwhile. The first announcement is awaited, and repeated where
 * Temporal does not take it.
 */
export async function announce(client: Client, fleet: string, facts: HostFacts, runs: () => HostAnnounced['runs'], log: Logger): Promise<Announcer> {
  let leaving = false;
  let drained = false;
  let lost = false;
  /** What the fleet was told last. */
  let told: HostAnnounced['runs'] = [];
  // Temporal that has just gone away again is told with the next look: an agent with programs to look after does not end for that.
  let execution = await tell(false).catch((error: unknown) => {
    lost = true;
    log.warn({ event: 'fleet-untold', error: String(error) }, 'the fleet cannot be told yet; trying again');
    return '';
  });
  let lookedAtMs = Date.now();
  let stopped = false;
  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  timer.unref();

  async function look(): Promise<void> {
    const gap = Date.now() - lookedAtMs > GAP_MS;
    lookedAtMs = Date.now();
    try {
      const { execution: current, memo } = await readFleet(client, fleet);
      if (current === execution) drained = memo.drained?.includes(facts.host) ?? false;
      // The word that a run is over may have come to a fleet that did not know of it yet, or to none.
      const isOutdated = told.some(({ runId }) => !runs().some((run) => run.runId === runId));
      if (stopped || (current === execution && !gap && !lost && !isOutdated)) return;
      execution = await tell(current !== execution);
      lost = false;
    } catch (error) {
      lost = true;
      log.warn({ event: 'fleet-unseen', error: String(error) }, 'the fleet cannot be looked at; trying again');
    }
  }

  async function tell(rebuilt: boolean): Promise<string> {
    told = runs();
    await inTime(client, () =>
      client.workflow.signalWithStart(WORKFLOW_TYPES.fleet, {
        workflowId: fleetWorkflowId(fleet),
        taskQueue: controlQueue(fleet),
        args: [{ fleet }],
        signal: hostAnnounced,
        signalArgs: [{ facts, runs: told, rebuilt, leaving, drained }],
        staticSummary: `The hosts of the fleet ${fleet} and who holds them`,
      }),
    );
    return (await readFleet(client, fleet)).execution;
  }

  return {
    async leave() {
      leaving = true;
      execution = await tell(false);
    },
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

/** `execution` stays the same over continue-as-new; another one means that the fleet was ended and begun anew. */
async function readFleet(client: Client, fleet: string): Promise<{ execution: string; memo: Partial<FleetMemo> }> {
  try {
    const { status, raw, memo = {} } = await inTime(client, () => client.workflow.getHandle(fleetWorkflowId(fleet)).describe());
    return { execution: status.name === 'RUNNING' ? (raw.workflowExecutionInfo?.firstRunId ?? '') : 'closed', memo };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { execution: 'none', memo: {} };
    throw error;
  }
}
