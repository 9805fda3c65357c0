import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { fleetWorkflowId } from '../spec/ids.js';
import { census, WORKFLOW_TYPES } from '../spec/messages.js';
import type { Metrics } from '../spec/metrics.js';
import type { RunPhase } from '../spec/nodes.js';

const EVERY_MS = 10_000;
const LIMIT_MS = 8_000;
const OPEN: readonly RunPhase[] = ['queued', 'gathering', 'starting', 'running', 'restarting', 'resizing', 'stopping'];
const STATES = ['free', 'held', 'releasing', 'silent', 'leaving', 'drained', 'incompatible'] as const;

/** Asks Temporal every few seconds how many runs and hosts there are: neither question adds an event. */
export function startSampler(client: Client, fleet: string, metrics: Metrics, log: Logger): { stop(): void } {
  const phases = new PhaseCounter(client);
  const look = async () => {
    try {
      await client.withDeadline(Date.now() + LIMIT_MS, async () => {
        for (const [phase, count] of await phases.count()) metrics.set('muster_runs', count, { phase });
        const { hosts, waiting } = await client.workflow.getHandle(fleetWorkflowId(fleet)).query(census);
        for (const state of STATES) metrics.set('muster_hosts', hosts[state] ?? 0, { fleet, state });
        metrics.set('muster_requests_waiting', waiting, { fleet });
      });
    } catch (error) {
      // Temporal is away, there is no fleet yet, or one that an older control worker began.
      log.debug({ error: String(error) }, 'runs and hosts could not be counted; trying again');
    }
  };
  void look();
  const timer = setInterval(() => void look(), EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

const RUNNING = `WorkflowType = '${WORKFLOW_TYPES.run}' AND ExecutionStatus = 'Running'`;
const INVALID_ARGUMENT = 3;
/** Somebody may register the search attribute meanwhile. */
const ASK_AGAIN_MS = 60_000;

class PhaseCounter {
  #withoutPhasesUntilMs = 0;

  constructor(private readonly client: Client) {}

  async count(): Promise<[string, number][]> {
    const of = async (query: string) => (await this.client.workflow.count(query)).count;
    if (performance.now() >= this.#withoutPhasesUntilMs) {
      try {
        const counts = await Promise.all(OPEN.map(async (phase): Promise<[string, number]> => [phase, await of(`${RUNNING} AND MusterPhase = '${phase}'`)]));
        // Of those that began before it was registered nothing more is known.
        const known = counts.reduce((sum, [, count]) => sum + count, 0);
        return [...counts, ['unknown', Math.max(0, (await of(RUNNING)) - known)]];
      } catch (error) {
        if (!isInvalid(error)) throw error;
        this.#withoutPhasesUntilMs = performance.now() + ASK_AGAIN_MS;
      }
    }
    return [['unknown', await of(RUNNING)]];
  }
}

function isInvalid(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) if ((each as { code?: number }).code === INVALID_ARGUMENT) return true;
  return false;
}
