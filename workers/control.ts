import { NativeConnection, Worker } from '@temporalio/worker';
import { createControlActivities } from '../activities/control/control-activities.js';
import { dataConverter } from '../connection/data-converter.js';
import { dial } from '../connection/dial.js';
import type { TemporalOptions } from '../connection/options.js';
import { controlQueue, DEFAULT_FLEET, PLAIN_QUEUE } from '../spec/ids.js';
import { workflowBundle } from './bundle.js';
import { createControlSinks } from './control-sinks.js';
import { createLogger, installRuntime } from './runtime.js';

/** A control worker at work. */
export interface ControlWorker {
  /** Resolves when it has stopped; rejects when it broke. */
  done: Promise<void>;
  stop(): Promise<void>;
}

/** Starts a control worker for one fleet; for `default` it serves the plain queue `muster` too. */
export async function startControl(options: TemporalOptions, fleet: string): Promise<ControlWorker> {
  const log = createLogger('muster-control');
  installRuntime(log);
  const { namespace, ...connectionOptions } = options;
  const client = await dial(options);
  const connection = await NativeConnection.connect(connectionOptions as Parameters<typeof NativeConnection.connect>[0]);
  const queues = fleet === DEFAULT_FLEET ? [controlQueue(fleet), PLAIN_QUEUE] : [controlQueue(fleet)];
  const workers = await Promise.all(
    queues.map((taskQueue) =>
      Worker.create({
        ...{ connection, namespace, taskQueue, dataConverter },
        ...{ workflowBundle: workflowBundle(), activities: createControlActivities(client), sinks: createControlSinks(client) },
        workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 2, initial: 5, maximum: 20 },
        activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
        maxCachedWorkflows: 2_000,
        // How long a workflow waits for a control worker that was killed, before another takes it up.
        stickyQueueScheduleToStartTimeout: '2 seconds',
      }),
    ),
  );
  const runs = workers.map((worker) => worker.run());
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
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await done;
      await connection.close();
      await client.connection.close();
    },
  };
}
