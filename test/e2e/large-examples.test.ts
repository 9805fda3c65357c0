import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOSTS, INSTALL_MS, runExample } from '../helpers/examples.js';
import { type Machines, startMachines } from '../helpers/machines.js';
import { virtualEnvironment } from '../helpers/python.js';

/** Ray, Spark and PyTorch are large: hundreds of megabytes to download, gigabytes unpacked. */
const LIGHT = process.env['MUSTER_TEST_EXAMPLES'] === 'light';

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(31, HOSTS);
});
afterAll(() => machines.stop());

describe.skipIf(LIGHT).each([3, 4])('on %i nodes', (nodes) => {
  const names = HOSTS.slice(0, nodes);
  const ranks = names.map((_, rank) => rank);
  const powers = 2 ** nodes - 1;
  const squares = ranks.reduce((sum, rank) => sum + (rank + 1) ** 2, 0);

  it(
    'Ray works on every node',
    async () => {
      const lines = await runExample(machines, 'ray', 'ray.yml', nodes, { VENV: await virtualEnvironment('ray') });
      expect(lines).toContain(`tasks on ${names.join(' ')}; the sum of squares is ${squares}`);
    },
    INSTALL_MS,
  );

  it(
    'Spark works on every node',
    async () => {
      const lines = await runExample(machines, 'spark', 'spark.yml', nodes, { VENV: await virtualEnvironment('spark') });
      expect(lines).toContain(`executors on ${names.join(' ')}; the sum of squares is ${squares}`);
    },
    INSTALL_MS,
  );

  it(
    'a torchrun all-reduce adds up the shares of all ranks',
    async () => {
      const lines = await runExample(machines, 'torchrun', 'torchrun.yml', nodes, { VENV: await virtualEnvironment('torchrun') });
      expect(lines.filter((line) => line.startsWith('rank')).sort()).toEqual(
        ranks.map((rank) => `rank ${rank} of ${nodes}: the sum is ${powers}, from ${names.join(' ')}`),
      );
    },
    INSTALL_MS,
  );
});
