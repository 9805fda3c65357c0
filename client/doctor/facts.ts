import { randomUUID } from 'node:crypto';
import { ActivityExecutionFailedError, type Client } from '@temporalio/client';
import type { TemporalOptions } from '../../connection/options.js';
import type { HostStatus } from '../../spec/fleet.js';
import { controlQueue, DEFAULT_FLEET, doctorQueue, fleetWorkflowId, PLAIN_QUEUE } from '../../spec/ids.js';
import { census, type FleetCensus } from '../../spec/messages.js';
import { NobodyAnswers } from '../errors.js';
import { type AgentFacts, askAgents } from './ask-agents.js';
import { type Poller, readPollers, TASK_QUEUE } from './pollers.js';

/** What the server says of itself; null where it does not say. */
export interface ServerFacts {
  version: string;
  shards: number | null;
  store: string | null;
  /** The shortest of three questions. */
  roundTripMs: number;
}

export interface NamespaceFacts {
  retentionMs: number | null;
  /** Are there standalone activities? null: it does not say. */
  standaloneActivities: boolean | null;
}

/** What a doctor has seen; everything else follows from it. */
export interface DoctorFacts {
  temporal: TemporalOptions;
  fleet: string;
  server: ServerFacts;
  /** null: there is no such namespace, and nothing below was asked. */
  namespace: NamespaceFacts | null;
  /** Types of the namespace's own search attributes by name; null where they cannot be read. */
  searchAttributes: Record<string, string> | null;
  /** Control workers by the queue that they serve; null where the question was not answered. */
  control: { queue: string; pollers: Poller[] | null }[];
  /** Ordered by id. `unanswered`: there is a fleet, and no control worker answers for it. */
  hosts: HostStatus[] | 'unanswered';
  agents: AgentFacts[];
  /** What waits in the fleet; null where it does not tell. */
  census: FleetCensus | null;
  /** By how much a timer of 50 ms was late; null where it could not be measured. */
  timerLateMs: number | null;
  /** How far the server's clock is ahead of this machine's, at least and at most; null where it is not known. */
  serverAheadMs: { least: number; most: number } | null;
}

const CALL_LIMIT_MS = 5_000;
const NOT_FOUND = 5;
const TIMER_MS = 50;
const TIMER_LIMIT_MS = 4_000;

/** Looks at the server, the namespace, the control workers and the hosts, each with a limit. `hosts`: how the fleet is asked. Throws what the first questions throw. */
export async function readFacts(client: Client, temporal: TemporalOptions, fleet: string, hosts: () => Promise<HostStatus[]>): Promise<DoctorFacts> {
  const limited = <T>(call: () => Promise<T>) => client.withDeadline(Date.now() + CALL_LIMIT_MS, call);
  const server = await readServer(client, limited);
  const namespace = await limited(() => readNamespace(client));
  const seen = { temporal, fleet, server, namespace };
  if (namespace === null) return { ...seen, searchAttributes: null, control: [], hosts: [], agents: [], census: null, timerLateMs: null, serverAheadMs: null };
  const queues = fleet === DEFAULT_FLEET ? [controlQueue(fleet), PLAIN_QUEUE] : [controlQueue(fleet)];
  const timer = namespace.standaloneActivities === false ? null : await readTimers(client, fleet).catch(() => null);
  const aheadMs = timer === null ? 0 : (timer.ahead.least + timer.ahead.most) / 2;
  const [searchAttributes, control, listed, counted] = await Promise.all([
    limited(() => readSearchAttributes(client)).catch(() => null),
    Promise.all(
      queues.map(async (queue) => ({ queue, pollers: await limited(() => readPollers(client, queue, TASK_QUEUE.workflow, aheadMs)).catch(() => null) })),
    ),
    hosts().catch((error: unknown) => {
      if (error instanceof NobodyAnswers) return 'unanswered' as const;
      throw error;
    }),
    limited(() => client.workflow.getHandle(fleetWorkflowId(fleet)).query(census)).catch(() => null),
  ]);
  const agents = listed === 'unanswered' || namespace.standaloneActivities === false ? [] : await askAgents(client, fleet, listed, aheadMs);
  return {
    ...seen,
    searchAttributes,
    control,
    hosts: listed,
    agents,
    census: counted,
    timerLateMs: timer?.lateMs ?? null,
    serverAheadMs: timer?.ahead ?? null,
  };
}

async function readServer(client: Client, limited: <T>(call: () => Promise<T>) => Promise<T>): Promise<ServerFacts> {
  const service = client.workflowService;
  let roundTripMs = Number.POSITIVE_INFINITY;
  let version = '';
  for (let i = 0; i < 3; i++) {
    const at = performance.now();
    version = (await limited(() => service.getSystemInfo({}))).serverVersion;
    roundTripMs = Math.min(roundTripMs, performance.now() - at);
  }
  // Temporal Cloud keeps this to itself.
  const cluster = await limited(() => service.getClusterInfo({})).catch(() => null);
  return { version, shards: cluster?.historyShardCount || null, store: cluster?.persistenceStore || null, roundTripMs };
}

async function readNamespace(client: Client): Promise<NamespaceFacts | null> {
  try {
    const { config, namespaceInfo } = await client.workflowService.describeNamespace({ namespace: client.options.namespace });
    const seconds = config?.workflowExecutionRetentionTtl?.seconds;
    return {
      retentionMs: seconds == null ? null : Number(seconds) * 1_000,
      standaloneActivities: namespaceInfo?.capabilities?.standaloneActivities ?? null,
    };
  } catch (error) {
    if ((error as { code?: number }).code === NOT_FOUND) return null;
    throw error;
  }
}

/** As the Temporal CLI writes the types, by their numbers. */
const TYPES: Record<number, string> = { 1: 'Text', 2: 'Keyword', 3: 'Int', 4: 'Double', 5: 'Bool', 6: 'Datetime', 7: 'KeywordList' };

async function readSearchAttributes(client: Client): Promise<Record<string, string>> {
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace: client.options.namespace });
  return Object.fromEntries(Object.entries(customAttributes ?? {}).map(([name, type]) => [name, TYPES[type] ?? String(type)]));
}

/** A timer that is set into what the server has read ahead of is late, and the first may not be: the later of two counts. */
async function readTimers(client: Client, fleet: string): Promise<Timing> {
  const first = await readTimer(client, fleet);
  const second = await readTimer(client, fleet);
  return second.lateMs > first.lateMs ? second : first;
}

interface Timing {
  lateMs: number;
  ahead: { least: number; most: number };
}

/** A task for nobody, which the server ends by a timer: it tells how late timers are, and what time it is there. */
async function readTimer(client: Client, fleet: string): Promise<Timing> {
  return client.withDeadline(Date.now() + TIMER_LIMIT_MS, async () => {
    const limits = { scheduleToCloseTimeout: TIMER_MS, retry: { maximumAttempts: 1 } };
    const askedAtMs = Date.now();
    const handle = await client.activity.start('nothing', { id: `doctor-${randomUUID()}`, taskQueue: doctorQueue(fleet), ...limits });
    const startedAtMs = Date.now();
    await handle.result().catch((error: unknown) => {
      if (!(error instanceof ActivityExecutionFailedError)) throw error;
    });
    const endedAtMs = Date.now();
    const scheduledAtMs = (await handle.describe()).scheduleTime?.getTime();
    if (scheduledAtMs === undefined) throw new Error('The server does not say when it was asked');
    return { lateMs: Math.max(0, endedAtMs - startedAtMs - TIMER_MS), ahead: { least: scheduledAtMs - startedAtMs, most: scheduledAtMs - askedAtMs } };
  });
}
