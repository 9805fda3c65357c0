import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readProcess } from '../../activities/process/identity.js';
import { rescale } from '../../spec/messages.js';
import { readLines } from '../helpers/machines.js';
import { until } from '../helpers/until.js';
import { Gang } from './gang.js';
import { readMoments } from './history.js';
import { ListFollower, type SeenList } from './list-seen.js';
import { percentile, type Sample } from './medians.js';
import { type BenchStack, type StackPlan, startBenchStack } from './stack.js';

/** Changes before the first that counts. */
const WARM_UPS = 2;
const STEADY_MS = 1_000;
const LIMIT_MS = 60_000;

/** One change, in milliseconds from each of three moments until each node that stays could read the new list. */
interface Change {
  way: 'grow' | 'shrink';
  /** From when the server had the wish. */
  wish: number[];
  /** From when the run had decided the new list and told its cells of it. */
  decided: number[];
  /** From the first file that was replaced on any host. */
  first: number[];
}

/**
 * A gang grows by one and shrinks by one, in turn, with `on_resize: file`; a process beside the programs follows the list files of those that stay. Throws
 * unless each saw each list once, and none was started again.
 */
export async function benchResize(
  { nodes, agents, repeat }: { nodes: number; agents: StackPlan['agents']; repeat: number },
  emit: (sample: Sample) => void,
): Promise<void> {
  const stack = await startBenchStack({ nodes: nodes + 1, agents, database: 'memory' });
  const follower = new ListFollower();
  try {
    const paths = join(stack.dir, 'paths');
    const gang = await Gang.start(stack, { nodes, on_resize: 'file', stop_duration: 2 }, `echo "$MUSTER_NODES_FILE" >> ${paths}; exec sleep 100000`);
    const staying = gang.starts();
    const before = staying.map(({ pid }) => readProcess(pid)?.startTime);
    await until(() => readLines(paths).length, nodes);
    await follower.follow(readLines(paths));
    const changes: Change[] = [];
    for (let i = 0; i < WARM_UPS + 2 * repeat; i++) {
      const change = await once(stack, gang, follower, i % 2 === 0 ? 'grow' : 'shrink');
      if (i >= WARM_UPS) changes.push(change);
    }
    const restarted = staying.filter(({ pid }, i) => readProcess(pid)?.startTime === undefined || readProcess(pid)?.startTime !== before[i]).length;
    const { restarts, generation } = await gang.status();
    if (restarts > 0) throw new Error(`${restarts} restarts`);
    for (const way of ['grow', 'shrink'] as const) {
      const mine = changes.filter((change) => change.way === way);
      const times = (['wish', 'decided', 'first'] as const).flatMap((from) =>
        summary(
          from,
          mine.flatMap((change) => change[from]),
        ),
      );
      emit({ bench: 'resize', way, nodes, agents, changes: mine.length, generation, restarted, ...Object.fromEntries(times) });
    }
    await gang.cancel();
  } finally {
    follower.stop();
    await stack.stop();
  }
}

async function once(stack: BenchStack, gang: Gang, follower: ListFollower, way: Change['way']): Promise<Change> {
  const { client } = stack;
  await new Promise((resolve) => setTimeout(resolve, STEADY_MS));
  const nodes = gang.nodes + (way === 'grow' ? 1 : 0);
  const seenBefore = follower.seen.length;
  const askedMs = Date.now();
  const { id } = await client.workflow.getHandle(gang.handle).executeUpdate(rescale, { args: [{ nodes }] });
  await until(
    () => gang.status(),
    ({ resizes }) => resizes.some((seen) => seen.id === id && seen.state === 'done'),
    LIMIT_MS,
  );
  const seen = await until(
    () => follower.seen.slice(seenBefore),
    (lists) => lists.length >= gang.nodes,
    LIMIT_MS,
  );
  checkEachOnce(seen, gang.nodes, nodes);
  const moments = await readMoments(client, gang.handle);
  const since = (atMs: number) => seen.map(({ seenMs }) => Math.round((seenMs - atMs) * 10) / 10);
  const acceptedMs = moments.accepted('rescale').at(-1) ?? Number.NaN;
  const decidedMs = moments.told('changeProposed').find((atMs) => atMs >= askedMs - 5) ?? Number.NaN;
  return { way, wish: since(acceptedMs), decided: since(decidedMs), first: since(Math.min(...seen.map(({ seenMs }) => seenMs))) };
}

function checkEachOnce(seen: readonly SeenList[], members: number, nodes: number): void {
  const paths = new Set(seen.map(({ path }) => path));
  if (seen.length !== members || paths.size !== members) throw new Error(`${seen.length} new lists in ${paths.size} of ${members} places`);
  const wrong = seen.find((list) => list.nodes !== nodes || readFileSync(list.path, 'utf8').split('\n').length !== nodes);
  if (wrong) throw new Error(`${wrong.path} has ${wrong.nodes} nodes, not ${nodes}`);
}

function summary(from: string, values: readonly number[]): [string, number][] {
  const rounded = (value: number) => Math.round(value);
  return [
    [`${from}_p50_ms`, rounded(percentile(values, 0.5))],
    [`${from}_p99_ms`, rounded(percentile(values, 0.99))],
    [`${from}_max_ms`, rounded(Math.max(...values))],
  ];
}
