import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findInPath } from '../../activities/host/find-in-path.js';
import { type Machines, muster, startMachines } from '../helpers/machines.js';
import { exampleDir, virtualEnvironment } from '../helpers/python.js';
import { statusOf, untilNothingLeft } from '../helpers/runs.js';

/** Ray, Spark and PyTorch are large: hundreds of megabytes to download, gigabytes unpacked. */
const LIGHT = process.env['MUSTER_TEST_EXAMPLES'] === 'light';

const noRedis = !findInPath('redis-server', process.env['PATH']);
if (noRedis) console.warn('\nNOT TESTED: the Redis Cluster, since redis-server is missing.\n');

/** Software is installed at the first test of an example. */
const INSTALL_MS = 900_000;
const HOSTS = ['host-1', 'host-2', 'host-3', 'host-4'];

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(30, HOSTS);
});
afterAll(() => machines.stop());

/** Runs a copy of an example on so many nodes; the lines of its output. */
async function runExample(folder: string, file: string, nodes: number, env: Record<string, string> = {}): Promise<string[]> {
  const copy = join(machines.dir, `${folder.replaceAll('/', '-')}-${nodes}`);
  cpSync(exampleDir(folder), copy, { recursive: true });
  const task = join(copy, file);
  const text = readFileSync(task, 'utf8');
  // In groups the head is the one node that is not of the workers.
  const count = text.includes('groups:') ? nodes - 1 : nodes;
  // A run that hangs ends by itself, so that it says what it was at and the next one finds its hosts free.
  writeFileSync(task, `${text.replace(/^( *)nodes: \d+$/m, `$1nodes: ${count}`)}\nmax_duration: 2m\n`);
  const id = `example-${folder.replaceAll('/', '-')}-${file.replace('.yml', '')}-${nodes}`;
  const { code, stdout, stderr } = await muster(['run', '--raw', '--id', id, task], { ...machines.env, ...env });
  expect(code, `${stderr}\n${stdout}`).toBe(0);
  const { runId, nodes: ran } = await statusOf(machines.client, id);
  // Ray leaves its sessions there.
  for (const node of ran) rmSync(`/tmp/ray-${node.id?.slice(0, 8)}`, { recursive: true, force: true });
  expect(ran).toHaveLength(nodes);
  await untilNothingLeft(runId);
  return stdout.trim().split('\n');
}

const addressesOf = (nodes: number) => HOSTS.slice(0, nodes).map((_, i) => `127.30.0.${i + 1}`);

describe.each([3, 4])('on %i nodes', (nodes) => {
  const names = HOSTS.slice(0, nodes);
  const ranks = names.map((_, rank) => rank);
  const powers = 2 ** nodes - 1;
  const squares = ranks.reduce((sum, rank) => sum + (rank + 1) ** 2, 0);

  it('every language reads the same list', async () => {
    const lines = await runExample('parse', 'parse.yml', nodes);
    const of = (language: string, rank: number) => `${language}: ${nodes} nodes, I am ${rank}: ${addressesOf(nodes).join(' ')}`;
    expect(lines.sort()).toEqual(['sh', 'python', 'node', 'go', 'java'].flatMap((language) => ranks.map((rank) => of(language, rank))).sort());
  }, 120_000);

  it('Node.js peers all meet', async () => {
    const lines = await runExample('.', 'mesh.yml', nodes);
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
    const lines = await runExample('go', 'mesh.yml', nodes);
    expect(lines.sort()).toEqual(ranks.map((rank) => `rank ${rank} on ${names[rank]} heard ${nodes} nodes, the sum is ${sum}`));
  }, 120_000);

  it(
    'an MPI all-reduce adds up the shares of all nodes',
    async () => {
      const env = { VENV: await virtualEnvironment('mpi'), SECRET: 'between us' };
      expect(await runExample('mpi', 'mpi.yml', nodes, env)).toContain(`${nodes} processes on ${names.join(' ')}: the sum is ${powers}`);
    },
    INSTALL_MS,
  );

  it(
    'Dask works on every node',
    async () => {
      const lines = await runExample('dask', 'dask.yml', nodes, { VENV: await virtualEnvironment('dask') });
      expect(lines).toContain(`workers on ${names.join(' ')}; the sum of squares is ${squares}`);
    },
    INSTALL_MS,
  );

  it.skipIf(noRedis)(
    'a Redis Cluster holds what was written',
    async () => {
      expect(await runExample('redis', 'redis.yml', nodes)).toContain(`${nodes} masters hold 10 keys, the sum is 55`);
    },
    120_000,
  );

  if (LIGHT) return;

  it(
    'Ray works on every node',
    async () => {
      const lines = await runExample('ray', 'ray.yml', nodes, { VENV: await virtualEnvironment('ray') });
      expect(lines).toContain(`tasks on ${names.join(' ')}; the sum of squares is ${squares}`);
    },
    INSTALL_MS,
  );

  it(
    'Spark works on every node',
    async () => {
      const lines = await runExample('spark', 'spark.yml', nodes, { VENV: await virtualEnvironment('spark') });
      expect(lines).toContain(`executors on ${names.join(' ')}; the sum of squares is ${squares}`);
    },
    INSTALL_MS,
  );

  it(
    'a torchrun all-reduce adds up the shares of all ranks',
    async () => {
      const lines = await runExample('torchrun', 'torchrun.yml', nodes, { VENV: await virtualEnvironment('torchrun') });
      expect(lines.filter((line) => line.startsWith('rank')).sort()).toEqual(
        ranks.map((rank) => `rank ${rank} of ${nodes}: the sum is ${powers}, from ${names.join(' ')}`),
      );
    },
    INSTALL_MS,
  );
});

it('every example is a valid task', async () => {
  const env = { ...machines.env, VENV: '/venv', SECRET: 'x', PYTHON: 'x', EXAMPLE: 'x', SHARED: 'x' };
  const root = exampleDir('.');
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yml'));
  expect(files.length).toBeGreaterThan(9);
  for (const file of files) expect(await muster(['check', join(root, file)], env)).toMatchObject({ code: 0, stderr: '' });
}, 60_000);
