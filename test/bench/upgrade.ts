import { readProcess } from '../../activities/process/identity.js';
import { until } from '../helpers/until.js';
import { Gang } from './gang.js';
import { countHeard } from './heard.js';
import { readMoments } from './history.js';
import { median, type Sample } from './medians.js';
import { type BenchHost, type BenchStack, startBenchStack, untilServed } from './stack.js';

const STEADY_MS = 3_000;
const HEARD_LIMIT_MS = 150_000;

/**
 * The agents of a running gang are started anew, one after the other and all at once, handed over by SIGTERM and killed with -9. Throws unless it stays one
 * generation without a restart or a loss, with the same processes. `away_ms`: from the signal until the host's queue is served by the new agent; `heard_ms`: from
 * the last agent's start until every node has beaten again; `silent`: how many nodes were called silent meanwhile.
 */
export async function benchUpgrade({ nodes, hostTimeout }: { nodes: number; hostTimeout: string }, emit: (sample: Sample) => void): Promise<void> {
  const stack = await startBenchStack({ nodes, agents: 'apart', database: 'memory' });
  try {
    const gang = await Gang.start(stack, { nodes, host_timeout: hostTimeout, on_host_loss: 'replace', restart: 3 });
    for (const together of [false, true]) {
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        await new Promise((resolve) => setTimeout(resolve, STEADY_MS));
        emit({ bench: 'upgrade', nodes, host_timeout: hostTimeout, signal, together, ...(await once(stack, gang, signal, together)) });
      }
    }
    await gang.cancel();
  } finally {
    await stack.stop();
  }
}

async function once(stack: BenchStack, gang: Gang, signal: 'SIGTERM' | 'SIGKILL', together: boolean): Promise<Sample> {
  const { client, hosts } = stack;
  const programs = () => gang.starts().map(({ pid }) => [pid, readProcess(pid)?.startTime]);
  const before = programs();
  const silentBefore = await countSilences(stack, gang);
  const away: number[] = [];
  const renew = async ({ name, agent }: BenchHost) => {
    const sinceMs = Date.now();
    await agent.kill(signal);
    agent.start();
    await untilServed(client, name, agent);
    away.push(Date.now() - sinceMs);
  };
  let lastMs = Date.now();
  if (together) await Promise.all(hosts.map(renew));
  else {
    for (const host of hosts) {
      lastMs = Date.now();
      await renew(host);
    }
  }
  await until(() => countHeard(client, gang.handle, lastMs), gang.nodes, HEARD_LIMIT_MS);
  const heardMs = Date.now() - lastMs;
  const { generation, restarts, losses } = await until(
    () => gang.status(),
    (seen) => seen.phase === 'running' && seen.nodes.every(({ state }) => state === 'running'),
    HEARD_LIMIT_MS,
  );
  const settledMs = Date.now() - lastMs;
  const same = JSON.stringify(programs()) === JSON.stringify(before);
  if (generation !== 1 || restarts !== 0 || losses !== 0 || !same) {
    throw new Error(`generation ${generation}, ${restarts} restarts, ${losses} losses; the processes are ${same ? '' : 'not '}the same`);
  }
  const silences = (await countSilences(stack, gang)) - silentBefore;
  return { generation, restarts, losses, away_ms: median(away), worst_away_ms: Math.max(...away), heard_ms: heardMs, settled_ms: settledMs, silences };
}

async function countSilences({ client }: BenchStack, { handle }: Gang): Promise<number> {
  return (await readMoments(client, handle)).heard('nodesSilent').filter(({ message }) => message['state'] === 'silent').length;
}
