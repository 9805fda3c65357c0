import { fileURLToPath } from 'node:url';
import { Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, type NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createControlActivities } from '../../activities/control/control-activities.js';
import type { HostStatus } from '../../spec/fleet.js';
import { controlQueue, DEFAULT_FLEET, fleetWorkflowId } from '../../spec/ids.js';
import * as messages from '../../spec/messages.js';
import type { RunStatus } from '../../spec/nodes.js';
import { startDevArguments } from '../../spec/search-attributes.js';
import { createControlSinks } from '../../workers/control-sinks.js';
import { findTemporalBinary, findTestServerBinary } from '../../workers/server/find.js';
import { DEV_SERVER_SETTINGS, dynamicConfigArguments } from '../../workers/server/settings.js';
import { until } from './until.js';

/** Who speaks, in every recorded history: never the name of this machine. */
export const IDENTITY = 'test';

/** The workflows as built; `npm test` builds them first. */
export const BUNDLE = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));

/**
 * Which server a story needs. `skipping`: waits take no time; but it tells a parent nothing of a terminated child, terminates no child with
 * its parent, forgets the schedule-to-start of a second attempt, and knows neither Reset nor a suggested continue-as-new.
 * `real`: knows all that, and a wait is a wait.
 */
export type ServerKind = 'skipping' | 'real';

/** A server with one control worker for the fleet `default`. */
export interface WorkflowEnv {
  client: Client;
  connection: NativeConnection;
  /** Where the server listens. */
  address: string;
  namespace: string;
  nowMs(): Promise<number>;
  /**
   * Moves the server's clock, at once, as soon as exactly `pending` activities wait or run: it stands still for each of them, whoever
   * serves its queue. Not beyond the timeout of one: the server would forget it. A node that beats needs a longer `host_timeout`.
   */
  skip(ms: number, pending?: number): Promise<void>;
  close(): Promise<void>;
}

export interface EnvSettings {
  continueAsNewAt?: number;
  forgetful?: boolean;
}

let quiet = false;

/** `continueAsNewAt`: the number of events at which a real server suggests to continue as new. `forgetful`: the control worker replays at every task. */
export async function openWorkflowEnv(kind: ServerKind, { continueAsNewAt, forgetful = false }: EnvSettings = {}): Promise<WorkflowEnv> {
  if (!quiet) Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'off', forward: {} } } });
  quiet = true;
  const env = await (kind === 'skipping' ? openSkipping() : openReal(continueAsNewAt));
  const { connection, nativeConnection } = env;
  const namespace = env.namespace ?? 'default';
  // Not the environment's own client: its `result()` lets the clock run away, ten years to the end of the fleet.
  const client = new Client({ connection, namespace, identity: IDENTITY });
  if (kind === 'skipping') client.workflow.list = listOpen(client, namespace);
  const worker = await Worker.create({
    ...{ connection: nativeConnection, namespace, identity: IDENTITY, taskQueue: controlQueue(DEFAULT_FLEET) },
    ...(forgetful ? { maxCachedWorkflows: 0 } : {}),
    ...{ workflowBundle: { codePath: BUNDLE }, activities: createControlActivities(client), sinks: createControlSinks(client) },
  });
  const done = worker.run();

  let locksLeft = 0;
  const countPending = async () => {
    const request = { namespace, maximumPageSize: 1_000, startTimeFilter: { earliestTime: { seconds: 0 } } };
    const { executions } = await client.workflowService.listOpenWorkflowExecutions(request as never);
    const open = executions.map(({ execution }) =>
      client.workflow
        .getHandle(execution?.workflowId ?? '')
        .describe()
        .catch(() => null),
    );
    return (await Promise.all(open)).reduce((sum, seen) => sum + (seen?.raw.pendingActivities?.length ?? 0), 0);
  };

  return {
    ...{ client, connection: nativeConnection, namespace, address: env.address },
    nowMs: () => env.currentTimeMs(),
    async skip(ms, pending = 0) {
      if (kind === 'real') throw new Error('The clock of a real server cannot be moved');
      await until(countPending, pending, 15_000);
      const target = (await env.currentTimeMs()) + ms;
      const duration = { seconds: Math.floor(ms / 1000) as never, nanos: (ms % 1000) * 1_000_000 };
      const sleep = () => connection.testService?.unlockTimeSkippingWithSleep({ duration }).catch(() => undefined);
      const sleeps = Array.from({ length: pending + 1 + locksLeft }, sleep);
      const passed = async (limitMs: number) =>
        until(
          () => env.currentTimeMs(),
          (now) => now >= target,
          limitMs,
        ).then(
          () => true,
          () => false,
        );
      // A workflow that was terminated with a pending activity leaves its lock behind. One sleep too many would last as long as it says.
      for (let more = 0; !(await passed(more === 0 ? 4_000 : 1_000)); more++) {
        if (more > 8) throw new Error(`The clock could not be moved by ${ms} ms`);
        locksLeft++;
        sleeps.push(sleep());
      }
      await Promise.all(sleeps);
    },
    async close() {
      worker.shutdown();
      await done;
      await env.teardown();
    },
  };
}

/** The time-skipping server knows only the older call, and takes no filter with it. */
function listOpen(client: Client, namespace: string): Client['workflow']['list'] {
  const open = async function* () {
    const request = { namespace, maximumPageSize: 1_000, startTimeFilter: { earliestTime: { seconds: 0 } } };
    const { executions } = await client.workflowService.listOpenWorkflowExecutions(request as never);
    for (const { type, execution } of executions) if (type?.name === messages.WORKFLOW_TYPES.run) yield { workflowId: execution?.workflowId ?? '' };
  };
  return open as never;
}

async function openSkipping(): Promise<TestWorkflowEnvironment> {
  const path = await findTestServerBinary({ say: () => undefined });
  return await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
}

async function openReal(continueAsNewAt?: number): Promise<TestWorkflowEnvironment> {
  const path = await findTemporalBinary({ say: () => undefined });
  const own = continueAsNewAt === undefined ? [] : [{ key: 'limit.historyCount.suggestContinueAsNew', value: continueAsNewAt, reason: 'a story' }];
  const extraArgs = [...startDevArguments(), ...dynamicConfigArguments([...DEV_SERVER_SETTINGS, ...own])];
  return await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'existing-path', path }, extraArgs, log: { format: 'pretty', level: 'never' } },
  });
}

/** How a run ended, as a client sees it. */
export interface RunOutcome {
  status: 'succeeded' | 'failed' | 'cancelled' | 'terminated';
  reason: string;
  message: string;
  final: RunStatus;
}

/** One run of a story. */
export interface StoryRun {
  handle: WorkflowHandle;
  status(): Promise<RunStatus>;
  untilStatus(expected: (status: RunStatus) => boolean, limitMs?: number): Promise<RunStatus>;
  stop(mode: messages.StopMode): Promise<messages.StopAnswer>;
  outcome(limitMs?: number): Promise<RunOutcome>;
  cells(): Promise<string[]>;
}

export async function startRun(env: WorkflowEnv, task: Record<string, unknown>, workflowId: string): Promise<StoryRun> {
  const handle = await env.client.workflow.start('musterRun', {
    ...{ workflowId, taskQueue: controlQueue(DEFAULT_FLEET) },
    args: [task['groups'] === undefined ? { commands: ['a-program'], ...task } : task],
  });
  const status = () => handle.query(messages.status);
  return {
    ...{ handle, status },
    untilStatus: (expected, limitMs = 15_000) => until(status, expected, limitMs),
    stop: (mode) => handle.executeUpdate(messages.stop, { args: [{ mode }] }),
    async outcome(limitMs = 30_000) {
      const words = await until(
        async () => (await handle.describe()).status.name,
        (name) => name !== 'RUNNING',
        limitMs,
      ).catch(async (error: unknown) => {
        throw new Error(`The run did not end; ${JSON.stringify(await status())}`, { cause: error });
      });
      const final = await status();
      const kinds = { COMPLETED: 'succeeded', FAILED: 'failed', CANCELLED: 'cancelled', TERMINATED: 'terminated' } as const;
      return { status: kinds[words as keyof typeof kinds], reason: final.reason, message: final.message, final };
    },
    async cells() {
      const { events } = await handle.fetchHistory();
      return (events ?? []).flatMap((event) => event.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId ?? []);
    },
  };
}

export function fleetHandle(env: WorkflowEnv): WorkflowHandle {
  return env.client.workflow.getHandle(fleetWorkflowId(DEFAULT_FLEET));
}

/** What `muster hosts` shows; empty where there is no fleet. */
export async function hostsOf(env: WorkflowEnv): Promise<HostStatus[]> {
  try {
    return await fleetHandle(env).query(messages.hosts);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}

/** `host: state` of every host, for short expectations. */
export async function statesOf(env: WorkflowEnv): Promise<Record<string, string>> {
  return Object.fromEntries((await hostsOf(env)).map(({ host, state }) => [host, state]));
}
