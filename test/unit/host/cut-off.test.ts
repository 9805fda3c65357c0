import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { readStart } from '../../../activities/host/store.js';
import { askPeer } from '../../../activities/network/ask-peer.js';
import { readProgram } from '../../../activities/process/start-dir.js';
import { until } from '../../helpers/until.js';
import { lives } from '../process/starts.js';
import { OneHost } from './one-host.js';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const LOOPBACK = '127.0.0.1';
const NOBODY = { ...process.env, MUSTER_SERVER: `${LOOPBACK}:1` };
const agents: ChildProcess[] = [];

afterEach(async () => {
  for (const agent of agents) agent.kill('SIGKILL');
  await until(() => agents.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null).length, 0);
  agents.length = 0;
});

/** This host's agent, where nobody listens for Temporal. */
function startAgent(host: OneHost): ChildProcess {
  const args = [MAIN, 'host', '--name', 'host-1', '--address', LOOPBACK, '--data', host.dataDir];
  const agent = spawn(process.execPath, args, { env: NOBODY, stdio: 'ignore' });
  agents.push(agent);
  return agent;
}

/** What a peer hears from it. */
async function asked(host: OneHost): Promise<string> {
  const port = Number(readFileSync(host.path('port'), 'utf8'));
  const seat = { address: LOOPBACK, port, localAddress: LOOPBACK, token: 'token', runId: host.run.runId, host: 'host-1', startNumber: 1, generation: 1 };
  const answer = await askPeer({ kind: 'ask', ...seat }, 1_000);
  return answer.heard ? answer.state : answer.why;
}

it('an agent that is started where Temporal cannot be reached looks after what it finds: it answers peers, and keeps strict fencing', async () => {
  const host = new OneHost({ fencing: 'strict', hostTimeoutSeconds: 8 });
  const start = await host.running();
  const pid = readProgram(start.dir)?.pid ?? 0;
  await host.seats.detach();
  const agent = startAgent(host);
  await until(() => asked(host), 'running', 7_000);
  await until(() => lives(pid), false, 12_000);
  await until(() => asked(host), 'ended');
  expect(readStart(host.dataDir, host.run.runId, 1)?.end).toMatchObject({ failure: { type: 'Fenced' }, clean: true });
  agent.kill('SIGTERM');
  await until(() => agent.exitCode, 0, 8_000);
});

it('one that finds nothing ends, and says that Temporal cannot be reached', async () => {
  const agent = startAgent(new OneHost({}));
  await until(() => agent.exitCode, 3, 20_000);
});
