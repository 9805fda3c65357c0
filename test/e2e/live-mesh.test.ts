import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Machines, muster, readLines, startMachines } from '../helpers/machines.js';
import { statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

const MESH = fileURLToPath(new URL('../fixtures/live-mesh.mjs', import.meta.url));
const HOSTS = Array.from({ length: 10 }, (_, i) => `host-${i + 1}`);

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(58, []);
  // One after the other: ten at once are slow to start where there are few processors.
  for (const host of HOSTS) await machines.startHost(host);
});
afterAll(() => machines?.stop());

it.each([
  ['file', 'by-file'],
  ['signal', 'by-signal'],
])('peers that follow the list by %s are connected with exactly the list, from three to ten to four, and none is restarted', async (onResize, how) => {
  const out = join(machines.dir, how);
  const task = { nodes: 3, stop_duration: 2, on_resize: onResize, commands: [`exec node ${MESH} ${how} ${out}-$MUSTER_HOST 24200`] };
  const run = await machines.start(task);
  const { runId } = await untilPhase(machines.client, run, 'running');
  const pids = new Map<string, string>();
  const untilConnected = async (nodes: number) => {
    const { nodes: listed } = await statusOf(machines.client, run);
    expect(listed).toHaveLength(nodes);
    for (const { host, address } of listed) {
      const others = listed.flatMap((node) => (node.address === address ? [] : [node.address])).sort();
      const line = await until(
        () => readLines(`${out}-${host}`).at(-1) ?? '',
        (last) => last.split(' ').slice(1).join(' ') === others.join(' '),
        20_000,
      );
      const [pid = ''] = line.split(' ');
      expect(pids.get(host) ?? pid).toBe(pid);
      pids.set(host, pid);
    }
  };
  await untilConnected(3);
  for (const nodes of [10, 4]) {
    const { code, stderr } = await muster(['scale', run, `${nodes}`], machines.env);
    expect([code, stderr]).toEqual([0, expect.stringContaining(`has ${nodes} nodes`)]);
    await untilConnected(nodes);
  }
  expect((await statusOf(machines.client, run)).restarts).toBe(0);
  await muster(['stop', run, '--now'], machines.env);
  await untilNothingLeft(runId);
});
