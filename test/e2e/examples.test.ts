import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findInPath } from '../../activities/host/find-in-path.js';
import { HOSTS, INSTALL_MS, runExample } from '../helpers/examples.js';
import { type Machines, muster, startMachines } from '../helpers/machines.js';
import { exampleDir, virtualEnvironment } from '../helpers/python.js';

const noRedis = !findInPath('redis-server', process.env['PATH']);
if (noRedis) console.warn('\nNOT TESTED: the Redis Cluster, since redis-server is missing.\n');

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(30, HOSTS);
});
afterAll(() => machines.stop());

const addressesOf = (nodes: number) => HOSTS.slice(0, nodes).map((_, i) => `127.30.0.${i + 1}`);

describe.each([3, 4])('on %i nodes', (nodes) => {
  const names = HOSTS.slice(0, nodes);
  const ranks = names.map((_, rank) => rank);
  const powers = 2 ** nodes - 1;
  const squares = ranks.reduce((sum, rank) => sum + (rank + 1) ** 2, 0);

  it('every language reads the same list', async () => {
    const lines = await runExample(machines, 'parse', 'parse.yml', nodes);
    const of = (language: string, rank: number) => `${language}: ${nodes} nodes, I am ${rank}: ${addressesOf(nodes).join(' ')}`;
    expect(lines.sort()).toEqual(['sh', 'python', 'node', 'go', 'java'].flatMap((language) => ranks.map((rank) => of(language, rank))).sort());
  }, 120_000);

  it('Node.js peers all meet', async () => {
    const lines = await runExample(machines, '.', 'mesh.yml', nodes);
    for (const [rank, own] of addressesOf(nodes).entries()) {
      const peers = addressesOf(nodes).filter((address) => address !== own);
      const line =
        lines.find((each) => each.startsWith(`rank ${rank} at ${own} met ${nodes - 1} peers: `)) ??
        expect.fail(`rank ${rank} is missing in ${lines.join('; ')}`);
      expect(line.split(': ')[1]?.split(' ').sort()).toEqual(peers);
    }
  }, 120_000);

  it('Go peers add up what each of them says', async () => {
    const sum = (nodes * (nodes + 1)) / 2;
    const lines = await runExample(machines, 'go', 'mesh.yml', nodes);
    expect(lines.sort()).toEqual(ranks.map((rank) => `rank ${rank} on ${names[rank]} heard ${nodes} nodes, the sum is ${sum}`));
  }, 120_000);

  it(
    'an MPI all-reduce adds up the shares of all nodes',
    async () => {
      const env = { VENV: await virtualEnvironment('mpi'), SECRET: 'between us' };
      expect(await runExample(machines, 'mpi', 'mpi.yml', nodes, env)).toContain(`${nodes} processes on ${names.join(' ')}: the sum is ${powers}`);
    },
    INSTALL_MS,
  );

  it(
    'Dask works on every node',
    async () => {
      const lines = await runExample(machines, 'dask', 'dask.yml', nodes, { VENV: await virtualEnvironment('dask') });
      expect(lines).toContain(`workers on ${names.join(' ')}; the sum of squares is ${squares}`);
    },
    INSTALL_MS,
  );

  it.skipIf(noRedis)(
    'a Redis Cluster holds what was written',
    async () => {
      expect(await runExample(machines, 'redis', 'redis.yml', nodes)).toContain(`${nodes} masters hold 10 keys, the sum is 55`);
    },
    120_000,
  );
});

it('every example is a valid task', async () => {
  const env = { ...machines.env, VENV: '/venv', SECRET: 'x', PYTHON: 'x', EXAMPLE: 'x', SHARED: 'x' };
  const root = exampleDir('.');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yml'));
  expect(files.length).toBeGreaterThan(9);
  for (const file of files) expect(await muster(['check', join(root, file)], env)).toMatchObject({ code: 0, stderr: '' });
}, 60_000);
