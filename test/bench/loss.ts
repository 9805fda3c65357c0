import { findCarriers } from '../../activities/process/terminate.js';
import { cookiePrefix } from '../../spec/ids.js';
import { until } from '../helpers/until.js';
import { Gang } from './gang.js';
import { readMoments } from './history.js';
import type { Sample } from './medians.js';
import { type BenchHost, type BenchStack, startBenchStack, untilHosts, untilServed } from './stack.js';

const STEADY_MS = 3_000;
/** A fault may fall at any moment between two beats. */
const BETWEEN_BEATS_MS = 1_000;

export interface LossPlan {
  nodes: number;
  /** `kill`: the agent and all of the run on its host with -9; `freeze`: the agent alone, by SIGSTOP. */
  how: 'kill' | 'freeze';
  hostTimeout: string;
  repeat: number;
}

/**
 * A host of a running gang is gone, and the fleet has one to spare: until all programs of the next generation run. Another rank each time. Times are
 * milliseconds from the fault: `silent_ms` when the run knew that nothing is heard, `lost_ms` when the host was given up, `orphan_ended_ms` from the
 * thaw until the frozen host had ended what it still held.
 */
export async function benchLoss({ nodes, how, hostTimeout, repeat }: LossPlan, emit: (sample: Sample) => void): Promise<void> {
  const stack = await startBenchStack({ nodes: nodes + 1, agents: 'apart', database: 'memory' });
  try {
    for (let i = 0; i < repeat; i++) {
      const sample = await once(stack, { nodes, how, hostTimeout }, i % nodes);
      emit({ bench: 'loss', nodes, how, host_timeout: hostTimeout, rank: i % nodes, ...sample });
    }
  } finally {
    await stack.stop();
  }
}

async function once(stack: BenchStack, { nodes, how, hostTimeout }: Omit<LossPlan, 'repeat'>, rank: number): Promise<Sample> {
  const gang = await Gang.start(stack, { nodes, host_timeout: hostTimeout, on_host_loss: 'replace' });
  await new Promise((resolve) => setTimeout(resolve, STEADY_MS + Math.random() * BETWEEN_BEATS_MS));
  const victim = gang.starts().find((start) => start.rank === rank);
  const host = stack.hosts.find(({ name }) => name === victim?.host);
  if (!victim || !host) throw new Error(`no host has rank ${rank}`);
  const held = () => findCarriers(cookiePrefix(gang.runId, host.name)).map(({ pid }) => pid);
  const faultMs = Date.now();
  await host.agent.kill(how === 'kill' ? 'SIGKILL' : 'SIGSTOP');
  if (how === 'kill') for (const pid of held()) process.kill(pid, 'SIGKILL');
  const starts = await gang.untilStarted(2);
  const { losses, restarts } = await until(
    () => gang.status(),
    (seen) => seen.generation === 2 && seen.phase === 'running',
    10_000,
  );
  if (losses !== 1 || restarts !== 0) throw new Error(`${losses} losses and ${restarts} restarts`);
  const moments = await readMoments(stack.client, gang.handle);
  const since = (atMs: number | undefined) => Math.round((atMs ?? Number.NaN) - faultMs);
  const ends = moments.heard('nodesEnded').filter(({ message }) => JSON.stringify(message).includes('HostLost'));
  const sample = {
    silent_ms: since(moments.heard('nodesSilent').find(({ message }) => message['state'] === 'silent')?.atMs),
    lost_ms: since(ends.at(0)?.atMs),
    sealed_ms: since(moments.told('rosterSealed').at(-1)),
    running_ms: since(Math.max(...starts.map(({ atMs }) => atMs))),
    said_ms: since(moments.actedMs(moments.heard('nodesReleased').at(-1)?.atMs ?? Number.NaN)),
  };
  const orphan = await comeBack(stack, host, how, held);
  await gang.cancel();
  await untilHosts(stack.client, 'free', nodes + 1);
  return { ...sample, ...orphan };
}

async function comeBack({ client }: BenchStack, { name, agent }: BenchHost, how: LossPlan['how'], held: () => number[]): Promise<Sample> {
  const backMs = Date.now();
  if (how === 'kill') {
    agent.start();
    await untilServed(client, name, agent);
    return {};
  }
  await agent.kill('SIGCONT');
  await until(held, [], 60_000);
  return { orphan_ended_ms: Date.now() - backMs };
}
