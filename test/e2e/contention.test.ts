import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fleetWorkflowId } from '../../spec/ids.js';
import { hosts as hostsQuery } from '../../spec/messages.js';
import { type Machines, readLines, startMachines } from '../helpers/machines.js';
import { until } from '../helpers/until.js';

const HOSTS = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `host-${n}`);
const RUNS = 50;
/** With trouble each run takes its time; MUSTER_TEST_CROWD=50 makes it as many. */
const TROUBLED_RUNS = Number(process.env['MUSTER_TEST_CROWD'] ?? 8);

let machines: Machines;
const agents = new Map<string, ChildProcess>();
beforeAll(async () => {
  machines = await startMachines(52, []);
  await Promise.all(HOSTS.map(async (name) => agents.set(name, await machines.startHost(name))));
});
afterAll(() => machines.stop());

/** Numbers from 0 to 1 that a seed fixes. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** So many runs at once, each of one to six of the eight hosts; the stays on each host, from the program's own words. */
async function crowd(name: string, seed: number, count: number): Promise<{ phases: string[]; stays: Map<string, [number, number, string][]> }> {
  const random = randomFrom(seed);
  const journal = join(machines.dir, name);
  const commands = [
    `echo "$MUSTER_HOST $DSTACK_RUN_NAME $(date +%s%N)" >> ${journal}-in`,
    'sleep 0.1',
    `echo "$MUSTER_HOST $DSTACK_RUN_NAME $(date +%s%N)" >> ${journal}-out`,
  ];
  const runs = await Promise.all(
    Array.from({ length: count }, () =>
      machines.start({ nodes: 1 + Math.floor(random() * 6), shell: 'sh', stop_duration: 1, restart: 5, queue_timeout: '10m', commands }),
    ),
  );
  const phases = await Promise.all(
    runs.map((run) =>
      machines.client.workflow
        .getHandle(run)
        .result()
        .then(
          () => 'succeeded',
          (error: Error) => String(error.cause ?? error),
        ),
    ),
  );
  const stays = new Map<string, [number, number, string][]>();
  for (const line of readLines(`${journal}-out`)) {
    const [host = '', run = '', out = ''] = line.split(' ');
    // The start that this end belongs to: the last one of the run on the host before it.
    const starts = readLines(`${journal}-in`).filter(
      (other) => other.startsWith(`${host} ${run} `) && other.split(' ')[2] !== undefined && BigInt(other.split(' ')[2] ?? 0) <= BigInt(out),
    );
    const began = Math.max(...starts.map((start) => Number(BigInt(start.split(' ')[2] ?? 0) / 1_000n)));
    stays.set(host, [...(stays.get(host) ?? []), [began, Number(BigInt(out) / 1_000n), run]]);
  }
  return { phases, stays };
}

/** No two stays on a host overlap. */
function expectOneAtATime(stays: Map<string, [number, number, string][]>): void {
  for (const [host, all] of stays) {
    const inOrder = all.sort(([a], [b]) => a - b);
    for (const [i, [began, , run]] of inOrder.entries()) {
      const before = inOrder[i - 1];
      if (before) expect(before[1], `${run} began on ${host} before ${before[2]} had left it`).toBeLessThanOrEqual(began);
    }
  }
}

async function allFree(): Promise<void> {
  const fleet = machines.client.workflow.getHandle(fleetWorkflowId('default'));
  await until(
    () => fleet.query(hostsQuery).then((hosts) => hosts.map(({ state }) => state)),
    HOSTS.map(() => 'free' as const),
    60_000,
  );
}

it('fifty runs of one to six of eight hosts all end, and no host is ever held by two', async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  console.info(`seed ${seed}`);
  const { phases, stays } = await crowd('crowd', seed, RUNS);
  expect(phases).toEqual(Array.from({ length: RUNS }, () => 'succeeded'));
  expectOneAtATime(stays);
  await allFree();
}, 180_000);

it('many runs all end as well while the fleet workflow is terminated and agents are killed and started anew', async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  console.info(`seed ${seed}`);
  const random = randomFrom(seed);
  let over = false;
  const trouble = (async () => {
    // A fleet that was rebuilt grants nothing for 15 s.
    let terminateAtMs = performance.now();
    while (!over) {
      if (performance.now() >= terminateAtMs) {
        terminateAtMs = performance.now() + 40_000;
        const fleet = machines.client.workflow.getHandle(fleetWorkflowId('default'));
        await fleet.terminate().catch(() => undefined);
      }
      const host = HOSTS[Math.floor(random() * HOSTS.length)] ?? '';
      const agent = agents.get(host);
      if (agent) await machines.kill(agent);
      agents.set(host, await machines.startHost(host));
    }
  })();
  const { phases, stays } = await crowd('troubled', seed, TROUBLED_RUNS).finally(() => {
    over = true;
  });
  await trouble;
  expect(phases.filter((phase) => phase !== 'succeeded')).toEqual([]);
  expectOneAtATime(stays);
  await allFree();
}, 300_000);
