import { hostname } from 'node:os';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createControlActivities } from '../activities/control/control-activities.js';
import { dataConverter } from '../connection/data-converter.js';
import { dial } from '../connection/dial.js';
import type { TemporalOptions } from '../connection/options.js';
import { controlQueue, DEFAULT_FLEET, PLAIN_QUEUE } from '../spec/ids.js';
import { CONTROL_ACTIVITY_POLLS, CONTROL_WORKFLOW_POLLS } from '../spec/polls.js';
import { workflowBundle } from './bundle.js';
import { startSampler } from './control-sampler.js';
import { createControlSinks } from './control-sinks.js';
import { createLogger } from './log.js';
import type { MetricsAddress } from './metrics-address.js';
import { ownVersion } from './own-version.js';
import { installRuntime, processMetrics } from './runtime.js';

export interface ControlSettings {
  /** Where Prometheus finds its metrics. */
  metrics?: MetricsAddress;
  /** Unless `MUSTER_LOG` says so: `warn`. */
  logLevel?: string;
}

/** A control worker at work. */
export interface ControlWorker {
  /** Resolves when it has stopped; rejects when it broke. */
  done: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a control worker for one fleet; for `default` it serves the plain queue `muster` too. Throws `TemporalUnreachable`, `ServerTooOld`,
 * `MetricsAddressUnusable`.
 */
export async function startControl(options: TemporalOptions, fleet: string, { metrics, logLevel }: ControlSettings = {}): Promise<ControlWorker> {
  const log = createLogger('muster-control', { fleet }, logLevel);
  await installRuntime(log, { ...(metrics ? { metrics } : {}) });
  const { namespace, ...connectionOptions } = options;
  const client = await dial(options);
  const connection = await NativeConnection.connect(connectionOptions as Parameters<typeof NativeConnection.connect>[0]);
  const queues = fleet === DEFAULT_FLEET ? [controlQueue(fleet), PLAIN_QUEUE] : [controlQueue(fleet)];
  // `muster doctor` reads the version from it.
  const identity = `muster-control/${ownVersion()}/${process.pid}@${hostname()}`;
  const { least, first, most } = CONTROL_WORKFLOW_POLLS;
  const workers = await Promise.all(
    queues.map((taskQueue) =>
      Worker.create({
        ...{ connection, namespace, taskQueue, dataConverter, identity },
        ...{ workflowBundle: workflowBundle(), activities: createControlActivities(client), sinks: createControlSinks(client) },
        workflowTaskPollerBehavior: { type: 'autoscaling', minimum: least, initial: first, maximum: most },
        activityTaskPollerBehavior: { type: 'simple-maximum', maximum: CONTROL_ACTIVITY_POLLS },
        maxCachedWorkflows: 2_000,
        // How long a workflow waits for a control worker that was killed, before another takes it up.
        stickyQueueScheduleToStartTimeout: '2 seconds',
      }),
    ),
  );
  const runs = workers.map((worker) => worker.run());
  log.info({ event: 'ready', version: ownVersion(), temporal: options.address, namespace, queues }, 'the control worker serves its queues');
  const sampler = metrics ? startSampler(client, fleet, processMetrics(), log) : undefined;
  const done = Promise.all(runs).then(
    () => undefined,
    (error: unknown) => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      throw error;
    },
  );
  return {
    done,
    async stop() {
      sampler?.stop();
      log.info({ event: 'stopping' }, 'the control worker ends');
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await done;
      await connection.close();
      await client.connection.close();
    },
  };
}
