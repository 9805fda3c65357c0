import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { dial } from '../../connection/dial.js';
import { connectAgent, type RunningAgent, startAgent } from '../../workers/agent.js';
import { findTemporalBinary } from '../../workers/server/find.js';
import { startDevServer } from '../../workers/server/start.js';

/** A server, a control worker in a process of its own, and `nodes` agents simulated in this process. */
export interface BenchStack {
  client: Client;
  dir: string;
  stop(): Promise<void>;
}

export async function startBenchStack(nodes: number): Promise<BenchStack> {
  const dir = mkdtempSync(join(tmpdir(), 'muster-bench-'));
  const binary = await findTemporalBinary({ say: (line: string) => process.stderr.write(`${line}\n`) });
  const server = await startDevServer({ binary, logFile: join(dir, 'server.log'), tiedTo: 'parent' });
  const options = { address: server.address, namespace: 'default' };
  const control = startControlProcess(server.address);
  const shared = await connectAgent(options);
  const agents: RunningAgent[] = [];
  for (let i = 1; i <= nodes; i++) {
    agents.push(
      await startAgent(
        options,
        {
          ...{ host: `host-${i}`, fleet: 'default', labels: {} },
          ...{ dataDir: join(dir, `host-${i}`), address: `127.0.${Math.floor(i / 250) + 1}.${(i % 250) + 1}` },
        },
        shared,
      ),
    );
  }
  const client = await dial(options);
  return {
    client,
    dir,
    async stop() {
      await Promise.all(agents.map((agent) => agent.kill().then(() => agent.stop())));
      await shared.close();
      control.stdin?.end();
      await new Promise((resolve) => control.once('exit', resolve));
      await client.connection.close();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function startControlProcess(address: string): ChildProcess {
  const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
  const env = { ...process.env, MUSTER_SERVER: address };
  return spawn(process.execPath, [main, 'control', '--dev-stack'], { env, stdio: ['pipe', 'ignore', 'inherit'] });
}
