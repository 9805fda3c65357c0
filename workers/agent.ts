import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { type NativeConnection, Worker } from '@temporalio/worker';
import type { Agent } from '../activities/host/agent.js';
import { Commands } from '../activities/host/commands.js';
import { readFacts } from '../activities/host/facts.js';
import { createHostActivities } from '../activities/host/host-activities.js';
import { HostMetrics } from '../activities/host/host-metrics.js';
import { keepOutput } from '../activities/host/output-keeper.js';
import { placeOwnCommand, withOwnCommand } from '../activities/host/own-command.js';
import { answerPeer } from '../activities/host/peers.js';
import { startRetention } from '../activities/host/retention.js';
import { RosterNews } from '../activities/host/roster-news.js';
import { serveRosters } from '../activities/host/roster-socket.js';
import { Seats } from '../activities/host/seats.js';
import { ServerClock } from '../activities/host/server-clock.js';
import { chooseAddress, defaultRouteInterface, listCandidates } from '../activities/network/addresses.js';
import { readCandidates } from '../activities/network/candidates.js';
import { AddressNotFound } from '../activities/network/errors.js';
import { killLeftCommands } from '../activities/process/command.js';
import { baseEnvironment } from '../activities/process/env.js';
import { readBootId, readPidNamespace } from '../activities/process/identity.js';
import { dataConverter } from '../connection/data-converter.js';
import { lazyClient } from '../connection/dial.js';
import type { TemporalOptions } from '../connection/options.js';
import { MOST_ANNOUNCED } from '../spec/candidates.js';
import { fleetWorkflowId, hostQueue } from '../spec/ids.js';
import { hosts as hostsQuery } from '../spec/messages.js';
import { HOST_ACTIVITY_POLLS } from '../spec/polls.js';
import { OWN_PROTOCOL } from '../spec/protocol.js';
import { announce } from './announce.js';
import { openDataDir } from './host-identity.js';
import { pollerIdentity, refuseSharedQueue } from './host-in-use.js';
import { openHostPort } from './host-port.js';
import { startSampler } from './host-sampler.js';
import { createLogger } from './log.js';
import type { MetricsAddress } from './metrics-address.js';
import { ownVersion } from './own-version.js';
import { type Connections, reachTemporal } from './reach-temporal.js';
import { installRuntime, processMetrics } from './runtime.js';

export interface AgentSettings {
  host: string;
  fleet: string;
  dataDir: string;
  labels: Record<string, string>;
  /** How long closed runs and unused files are kept; null: for ever. */
  keepMs: number | null;
  /** The most disk that one start's output takes; null: no limit. */
  outputCapBytes: number | null;
  address?: string;
  network?: string;
  interface?: string;
  /** Port for other agents; ephemeral where none is given. */
  port?: number;
  /** Where Prometheus finds its metrics. */
  metrics?: MetricsAddress;
  /** Unless `MUSTER_LOG` says so: `warn`. */
  logLevel?: string;
}

/** An agent at work. */
export interface RunningAgent {
  host: string;
  address: string;
  /** Resolves when it has stopped; rejects when it broke. */
  done: Promise<void>;
  /** Takes no further run, and resolves when no node is left here. Does not stop the agent. */
  drain(): Promise<void>;
  /** Hands over: programs live on, the next agent on this data directory carries on with them. */
  stop(): Promise<void>;
  /** Ends every program at once, and does no more: for the end of a dev stack, whose server may be gone. */
  kill(): Promise<void>;
}

/**
 * Starts the agent of this machine: takes its data directory, carries on with what a predecessor left there, serves the host's
 * queue and announces the host. Where Temporal is away and there is something to carry on with, it does that meanwhile and goes on dialling, until
 * `signal` aborts. Throws `DataDirUnusable`, `AddressNotFound`, `HostIdInUse`, `TemporalUnreachable`, `ServerTooOld`, `MetricsAddressUnusable`, each with a
 * sentence for people. Several agents of one process may share connections, which outlive them.
 */
export async function startAgent(
  options: TemporalOptions,
  settings: AgentSettings,
  { shared, signal }: { shared?: Connections; signal?: AbortSignal } = {},
): Promise<RunningAgent> {
  const { host, fleet } = settings;
  const log = createLogger('muster-host', { host, fleet }, settings.logLevel);
  await installRuntime(log, settings.metrics ? { metrics: settings.metrics, tags: { host, fleet } } : {});
  const shown = shownAddress(settings);
  const told = { address: settings.address === undefined ? null : shown, network: settings.network ?? null, interface: settings.interface ?? null };
  const dataDir = await openDataDir(settings.dataDir, host);
  // A driver may take its time.
  const reading = readFacts();
  const peers = await openHostPort(dataDir.path, told.address, settings.port);
  const client = shared?.client ?? lazyClient(options);

  const agent: Agent = {
    ...{ host, fleet, identity: dataDir.identity, dataDir: dataDir.path, version: ownVersion() },
    ...{ candidates: readCandidates, told, gpus: 0 },
    outputCapBytes: settings.outputCapBytes,
    clock: new ServerClock(),
    ...{ client, peers, log, baseEnv: withOwnCommand(baseEnvironment(process.env), dataDir.path) },
    ...{ bootId: readBootId(), pidNamespace: readPidNamespace(), socketPath: join(dataDir.path, 'agent.sock') },
    rosterNews: new RosterNews(),
    commands: new Commands(),
    metrics: new HostMetrics(processMetrics()),
  };
  try {
    placeOwnCommand(agent.dataDir, fileURLToPath(new URL('../cli/main.js', import.meta.url)));
  } catch (error) {
    log.warn({ event: 'command-missing', error: String(error) }, 'programs will not find the command muster');
  }
  // Before Temporal is there: what a predecessor left is looked after, and fenced, also on a host that is cut off.
  killLeftCommands(agent.socketPath);
  const seats = new Seats(agent);
  const adopted = seats.adopt();
  if (adopted > 0) log.info({ event: 'adopted', nodes: adopted }, 'carrying on with what the last agent left');
  // Not earlier: what was not taken up yet is not known to live.
  peers.answer((question) => answerPeer(agent, seats, question));
  const keeper = keepOutput(agent, () => seats.all());
  const letGo = async (connection?: NativeConnection) => {
    keeper.stop();
    agent.commands.endAll();
    await seats.detach();
    await Promise.all([peers.close(), ...(shared ? [] : [connection?.close(), client.connection.close()])]);
    dataDir.unlock();
  };

  const { namespace } = options;
  const taskQueue = hostQueue(fleet, host);
  let connection: NativeConnection | undefined;
  try {
    connection = shared?.connection ?? (await reachTemporal(options, log, () => seats.all().length > 0, signal));
    await refuseSharedQueue(client, taskQueue, host, dataDir.identity);
    // Not earlier: whoever was refused may come again by another name.
    dataDir.keep();
  } catch (error) {
    await letGo(connection);
    throw error;
  }
  const facts = await reading;
  agent.gpus = facts.gpus;
  seats.expectStarts();
  const socket = await serveRosters(agent, seats);
  const worker = await Worker.create({
    ...{ connection, namespace, taskQueue, dataConverter },
    identity: pollerIdentity(host, dataDir.identity),
    activities: createHostActivities(agent, seats),
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: HOST_ACTIVITY_POLLS },
    maxConcurrentActivityTaskExecutions: 200,
    shutdownGraceTime: 0,
  });
  const done = worker.run();
  void readClock(client, taskQueue);
  const announced = {
    ...{ host, identity: agent.identity, address: shown, candidates: readCandidates().slice(0, MOST_ANNOUNCED), told },
    ...{ ...facts, labels: settings.labels, version: agent.version, protocol: OWN_PROTOCOL },
  };
  const announcer = await announce(client, fleet, announced, () => seats.runs(), log);

  log.info({ event: 'ready', version: agent.version, address: shown, temporal: options.address, namespace }, 'the agent serves its queue');
  const sampler = settings.metrics ? startSampler(agent, () => seats.all()) : undefined;
  const retention = settings.keepMs === null ? undefined : startRetention(agent, seats, settings.keepMs);

  const stop = async () => {
    announcer.stop();
    retention?.stop();
    sampler?.stop();
    log.info({ event: 'stopping', nodes: seats.all().length }, 'the agent ends; programs live on');
    void seats.detach();
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await done;
    socket.close();
    await letGo(connection);
  };
  return {
    ...{ host, address: shown, done, stop },
    async drain() {
      await announcer.leave();
      // Between two generations a run holds the host without a node on it.
      for (let held = true; held; held = await isHeld(client, fleet, host)) await seats.untilEmpty();
    },
    async kill() {
      announcer.stop();
      agent.commands.endAll();
      await seats.killAll();
      await seats.detach();
    },
  };
}

/**
 * The address that `muster hosts` shows: as it was told, else the likeliest one. What a run uses is chosen across all of its hosts. Throws
 * `AddressNotFound` where what it was told is not here.
 */
function shownAddress(settings: AgentSettings): string {
  const { address, network, interface: name } = settings;
  try {
    return chooseAddress(settings, listCandidates(), defaultRouteInterface()).address;
  } catch (error) {
    const [likeliest] = readCandidates();
    const wasTold = address !== undefined || network !== undefined || name !== undefined;
    if (!(error instanceof AddressNotFound) || wasTold || likeliest === undefined) throw error;
    return likeliest.address;
  }
}

/** Does a run hold the host? True where the fleet cannot be asked: asked again after a while. */
async function isHeld(client: Client, fleet: string, host: string): Promise<boolean> {
  try {
    const hosts = await client.workflow.getHandle(fleetWorkflowId(fleet)).query(hostsQuery, { only: host });
    if (!hosts.some(({ lease }) => lease !== null)) return false;
  } catch {
    // Asked again.
  }
  await pause(HELD_AGAIN_MS);
  return true;
}

const HELD_AGAIN_MS = 500;

/** One task of its own, so that the agent knows the server's clock before it is asked for anything. */
async function readClock(client: Client, taskQueue: string): Promise<void> {
  const limit = { scheduleToCloseTimeout: CLOCK_LIMIT_MS, retry: { maximumAttempts: 1 } };
  await client.activity.execute('describeHost', { id: `clock-${randomUUID()}`, taskQueue, ...limit }).catch(() => undefined);
}

const CLOCK_LIMIT_MS = 10_000;
