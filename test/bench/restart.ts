import { until } from '../helpers/until.js';
import { Gang } from './gang.js';
import { readMoments } from './history.js';
import type { Sample } from './medians.js';
import { type BenchStack, startBenchStack } from './stack.js';

/** Runs before the first that counts. */
const WARM_UPS = 2;
/** How long a gang runs before one of it is killed: its start is over, and everybody is idle. */
const STEADY_MS = 1_500;

/**
 * One program of a running gang is killed with -9. With scope `all`: until all programs of the next generation run; with `node`: until that one does. Times
 * are milliseconds from the kill, `said_ms` when the run's status said so.
 */
export async function benchRestart(
  { nodes, scope, agents, repeat }: { nodes: number; scope: 'all' | 'node'; agents: 'here' | 'apart'; repeat: number },
  emit: (sample: Sample) => void,
): Promise<void> {
  const stack = await startBenchStack({ nodes, agents, database: 'memory' });
  try {
    for (let i = 0; i < WARM_UPS + repeat; i++) {
      const sample = await once(stack, nodes, scope);
      if (i >= WARM_UPS) emit({ bench: 'restart', nodes, scope, agents, ...sample });
    }
  } finally {
    await stack.stop();
  }
}

async function once(stack: BenchStack, nodes: number, scope: 'all' | 'node'): Promise<Sample> {
  const gang = await Gang.start(stack, { nodes, restart: { scope, attempts: 3 } });
  await new Promise((resolve) => setTimeout(resolve, STEADY_MS));
  const victim = gang.starts().find(({ rank }) => rank === Math.floor(nodes / 2));
  if (!victim) throw new Error('no program to kill');
  const killedMs = Date.now();
  process.kill(victim.pid, 'SIGKILL');
  const isNew =
    scope === 'all' ? ({ generation }: { generation: number }) => generation === 2 : ({ startNumber }: { startNumber: number }) => startNumber === 2;
  const expected = scope === 'all' ? nodes : 1;
  const starts = await until(
    () => gang.starts().filter(isNew),
    (found) => found.length === expected,
    60_000,
  );
  const { nodes: now, generation } = await until(
    () => gang.status(),
    (seen) => seen.phase === 'running' && seen.nodes.every(({ state }) => state === 'running'),
    10_000,
  );
  if (generation !== (scope === 'all' ? 2 : 1) || now.length !== nodes) throw new Error(`generation ${generation} with ${now.length} nodes`);
  const moments = await readMoments(stack.client, gang.handle);
  const since = (atMs: number | undefined) => Math.round((atMs ?? Number.NaN) - killedMs);
  const last = Math.max(...starts.map(({ atMs }) => atMs));
  const first = Math.min(...starts.map(({ atMs }) => atMs));
  const seen = { running_ms: since(last), seen_ms: since(moments.heard('nodesEnded').at(0)?.atMs) };
  const said = moments.heard(scope === 'all' ? 'nodesReleased' : 'nodeRestarted').at(-1)?.atMs ?? Number.NaN;
  const steps =
    scope === 'all'
      ? {
          stopped_ms: since(moments.heard('nodesEnded').findLast(({ atMs }) => atMs < said)?.atMs),
          gathered_ms: since(moments.heard('cellGathered').at(-1)?.atMs),
          sealed_ms: since(moments.told('rosterSealed').at(-1)),
          skew_ms: Math.round(last - first),
        }
      : {};
  await gang.cancel();
  return { ...seen, ...steps, said_ms: since(moments.actedMs(said)) };
}
