import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { dial } from '../../connection/dial.js';
import type { TemporalOptions } from '../../connection/options.js';
import type { HostStatus } from '../../spec/fleet.js';
import { fleetWorkflowId } from '../../spec/ids.js';
import { hosts as hostsQuery } from '../../spec/messages.js';
import { type AgentSettings, type RunningAgent, startAgent } from '../../workers/agent.js';
import { connectAgent } from '../../workers/reach-temporal.js';
import { findTemporalBinary } from '../../workers/server/find.js';
import { type DevServer, startDevServer } from '../../workers/server/start.js';
import { until } from '../helpers/until.js';
import { StackProcess } from './stack-process.js';

export interface StackPlan {
  nodes: number;
  /** `here`: all agents in this process, over shared connections; `apart`: each a process of its own. */
  agents: 'here' | 'apart';
  /** Of the server. */
  database: 'memory' | 'file';
}

/** A server, a control worker in a process of its own, and agents. */
export interface BenchStack {
  client: Client;
  /** Holds every process's log, and goes with the stack unless MUSTER_BENCH_KEEP is set. */
  dir: string;
  /** Of the server. */
  address: string;
  server: BenchServer;
  control: StackProcess;
  /** In the order of their numbers, host-1 first. None where the agents are here. */
  hosts: BenchHost[];
  stop(): Promise<void>;
}

export interface BenchServer {
  readonly pid: number;
  /** With -9. Resolves when it is gone. */
  kill(): Promise<void>;
  /** On the same port and file. Resolves when it can be used. */
  startAgain(): Promise<void>;
}

export interface BenchHost {
  name: string;
  agent: StackProcess;
}

/** Ready when the agents are; where they are apart, when the fleet has heard of all of them. */
export async function startBenchStack({ nodes, agents, database }: StackPlan): Promise<BenchStack> {
  const dir = mkdtempSync(join(tmpdir(), 'muster-bench-'));
  const server = await startServer(dir, database);
  const { address } = server;
  const control = new StackProcess(address, ['control'], join(dir, 'control.log'));
  control.start();
  const settings = Array.from({ length: nodes }, (_, i) => ({
    ...{ host: `host-${i + 1}`, fleet: 'default', labels: {}, keepMs: null, outputCapBytes: null },
    ...{ dataDir: join(dir, `host-${i + 1}`), address: `127.0.${Math.floor(i / 250) + 1}.${(i % 250) + 1}` },
  }));
  const options = { address, namespace: 'default' };
  const stopHere = agents === 'here' ? await startHere(options, settings) : undefined;
  const hosts = agents === 'here' ? [] : settings.map(({ host, address: own, dataDir }) => ({ name: host, agent: agentProcess(address, host, own, dataDir) }));
  const client = await dial(options);
  for (const { agent } of hosts) agent.start();
  for (const { name, agent } of hosts) await untilServed(client, name, agent);
  return {
    ...{ client, dir, address, server, control, hosts },
    async stop() {
      await stopHere?.();
      await Promise.all([control, ...hosts.map(({ agent }) => agent)].map((process) => process.end()));
      await client.connection.close();
      await server.stop();
      if (!process.env['MUSTER_BENCH_KEEP']) rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Resolves when this very process serves the host's queue. */
export async function untilServed(client: Client, host: string, agent: StackProcess): Promise<void> {
  const described = () =>
    client.activity.execute<{ pid: number }>('describeHost', {
      ...{ id: `bench-${host}-${Math.random()}`, taskQueue: `muster.default.host.${host}` },
      ...{ scheduleToCloseTimeout: 60_000, startToCloseTimeout: 500 },
    });
  await until(
    async () => (await described()).pid,
    (pid) => pid === agent.pid,
    60_000,
  );
}

/** Resolves when the fleet says of so many hosts that they are in this state. */
export async function untilHosts(client: Client, state: HostStatus['state'], count: number): Promise<void> {
  await until(
    async () => (await client.workflow.getHandle(fleetWorkflowId('default')).query(hostsQuery)).filter((host) => host.state === state).length,
    count,
    60_000,
  );
}

async function startServer(dir: string, database: StackPlan['database']): Promise<BenchServer & { address: string; stop(): Promise<void> }> {
  const binary = await findTemporalBinary({ say: (line: string) => process.stderr.write(`${line}\n`) });
  const plan = { binary, logFile: join(dir, 'server.log'), tiedTo: 'parent' as const, ...(database === 'file' ? { dbFile: join(dir, 'temporal.db') } : {}) };
  let server: DevServer = await startDevServer(plan);
  const { address } = server;
  return {
    address,
    get pid() {
      return server.pid;
    },
    async kill() {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    async startAgain() {
      server = await startDevServer({ ...plan, port: Number(address.split(':').at(-1)) });
    },
    stop: () => server.stop(),
  };
}

async function startHere(options: TemporalOptions, settings: AgentSettings[]): Promise<() => Promise<void>> {
  const shared = await connectAgent(options);
  const agents: RunningAgent[] = [];
  for (const each of settings) agents.push(await startAgent(options, each, { shared }));
  return async () => {
    await Promise.all(agents.map((agent) => agent.kill().then(() => agent.stop())));
    await shared.close();
  };
}

function agentProcess(server: string, host: string, address: string, dataDir: string): StackProcess {
  return new StackProcess(server, ['host', '--name', host, '--address', address, '--data', dataDir], `${dataDir}.log`);
}
