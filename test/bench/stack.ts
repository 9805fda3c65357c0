import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { dial } from '../../connection/dial.js';
import type { TemporalOptions } from '../../connection/options.js';
import { type AgentSettings, connectAgent, type RunningAgent, startAgent } from '../../workers/agent.js';
import { findTemporalBinary } from '../../workers/server/find.js';
import { startDevServer } from '../../workers/server/start.js';

/** A server, a control worker in a process of its own, and `nodes` agents: simulated in this process, or each a process of its own. */
export interface BenchStack {
  client: Client;
  dir: string;
  /** Of the server. */
  address: string;
  /** Process ids: what the processes took can be looked up. No agents where they are simulated here. */
  pids: { server: number; agents: number[] };
  stop(): Promise<void>;
}

export async function startBenchStack(nodes: number, separate: boolean): Promise<BenchStack> {
  const dir = mkdtempSync(join(tmpdir(), 'muster-bench-'));
  const binary = await findTemporalBinary({ say: (line: string) => process.stderr.write(`${line}\n`) });
  const server = await startDevServer({ binary, logFile: join(dir, 'server.log'), tiedTo: 'parent' });
  const options = { address: server.address, namespace: 'default' };
  const control = startProcess(server.address, ['control']);
  const settings = Array.from({ length: nodes }, (_, i) => ({
    ...{ host: `host-${i + 1}`, fleet: 'default', labels: {}, keepMs: null, outputCapBytes: null },
    ...{ dataDir: join(dir, `host-${i + 1}`), address: `127.0.${Math.floor(i / 250) + 1}.${(i % 250) + 1}` },
  }));
  const { pids: agents, stop: stopAgents } = separate ? startProcesses(server.address, settings) : { pids: [], stop: await startHere(options, settings) };
  const client = await dial(options);
  return {
    client,
    dir,
    address: server.address,
    pids: { server: server.pid, agents },
    async stop() {
      await stopAgents();
      await ended(control);
      await client.connection.close();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function startHere(options: TemporalOptions, settings: AgentSettings[]): Promise<() => Promise<void>> {
  const shared = await connectAgent(options);
  const agents: RunningAgent[] = [];
  for (const each of settings) agents.push(await startAgent(options, each, shared));
  return async () => {
    await Promise.all(agents.map((agent) => agent.kill().then(() => agent.stop())));
    await shared.close();
  };
}

function startProcesses(address: string, settings: AgentSettings[]): { pids: number[]; stop: () => Promise<void> } {
  const children = settings.map(({ host, address: own = '', dataDir }) => startProcess(address, ['host', '--name', host, '--address', own, '--data', dataDir]));
  return {
    pids: children.flatMap(({ pid }) => pid ?? []),
    async stop() {
      await Promise.all(children.map(ended));
    },
  };
}

/** A process that ends with this one, or when its stdin does. */
function startProcess(address: string, args: string[]): ChildProcess {
  const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
  const env = { ...process.env, MUSTER_SERVER: address };
  return spawn(process.execPath, [main, ...args, '--dev-stack'], { env, stdio: ['pipe', 'ignore', 'ignore'] });
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.stdin?.end();
  await gone;
}
