import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findInPath } from '../../activities/host/find-in-path.js';
import { succeeds } from '../helpers/commands.js';
import { muster, readLines } from '../helpers/machines.js';
import { leftHere, missingForNamespaces } from '../helpers/namespaces.js';
import { NetworkedMachines } from '../helpers/networked-machines.js';
import { exampleDir, virtualEnvironment } from '../helpers/python.js';
import { onLan } from '../helpers/stations.js';

const missing = missingForNamespaces();
if (missing !== undefined) console.warn(`\nNOT TESTED: programs on networks of several machines, since ${missing}.\n`);
const noRedis = missing !== undefined || !findInPath('redis-server', process.env['PATH']);
if (noRedis && missing === undefined) console.warn('\nNOT TESTED: a Redis Cluster, since redis-server is missing.\n');

const INSTALL_MS = 600_000;

/** Four machines, each with a stack of its own and the same docker0 as the others. */
describe.skipIf(missing !== undefined)('on four machines with networks of their own', () => {
  let machines: NetworkedMachines;
  const names = [1, 2, 3, 4].map((n) => `real-${n}`);
  beforeAll(async () => {
    machines = await NetworkedMachines.start();
    await machines.addHosts(names.map((name, i) => onLan(name, i + 1, { docker: 'busy' })));
  }, 60_000);
  afterAll(async () => {
    await machines?.stop();
    expect(leftHere()).toEqual([]);
  });

  /** Runs a copy of an example; its output. */
  async function runExample(folder: string, file: string, nodes: number, env: Record<string, string>): Promise<string[]> {
    const copy = join(machines.dir, folder);
    cpSync(exampleDir(folder), copy, { recursive: true });
    const task = join(copy, file);
    writeFileSync(task, `${readFileSync(task, 'utf8').replace(/^( *)nodes: \d+$/m, `$1nodes: ${nodes}`)}\nmax_duration: 2m\n`);
    const { code, stdout, stderr } = await muster(['run', '--raw', '--id', `on-networks-${folder}`, task], { ...machines.env, ...env });
    expect(code, `${stderr}\n${stdout}`).toBe(0);
    return stdout.trim().split('\n');
  }

  it(
    'Open MPI takes its host file',
    async () => {
      const lines = await runExample('mpi', 'mpi.yml', 3, { VENV: await virtualEnvironment('mpi'), SECRET: 'between us' });
      expect(lines).toContain(`4 processes on ${names.join(' ')}: the sum is 15`);
    },
    INSTALL_MS,
  );

  it.skipIf(noRedis)('a Redis Cluster is made from the list alone', async () => {
    expect(await runExample('redis', 'redis.yml', 4, {})).toContain('4 masters hold 10 keys, the sum is 55');
  });

  it(
    'Bytewax counts what one process counts, and all four take part',
    async () => {
      const python = join(await virtualEnvironment('bytewax', ['--require-hashes']), 'bin', 'python');
      const shared = join(machines.dir, 'shared');
      for (const each of ['input', 'output', 'store']) mkdirSync(join(shared, each), { recursive: true });
      const words = Array.from({ length: 8 }, (_, file) => Array.from({ length: 50 }, (_, line) => `word${(line * 3 + file) % 20}`));
      for (const [file, all] of words.entries()) writeFileSync(join(shared, 'input', `part-${file}`), all.map((word) => `${word}\n`).join(''));
      await succeeds(python, ['-m', 'bytewax.recovery', join(shared, 'store'), '4']);
      await runExample('bytewax', 'wordcount.yml', 4, { PYTHON: python, EXAMPLE: exampleDir('bytewax'), SHARED: shared });
      const lines = [0, 1, 2, 3].map((rank) => readLines(join(shared, 'output', `1-${rank}`)));
      expect(lines.filter((told) => told.length === 0)).toEqual([]);
      expect(highest(lines.flat())).toEqual(
        highest(words.flat().map((word, i, all) => `${word} ${all.slice(0, i + 1).filter((other) => other === word).length}`)),
      );
    },
    INSTALL_MS,
  );
});

/** The highest count that was told of each word. */
function highest(lines: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of lines) {
    const [word = '', count] = line.split(' ');
    counts[word] = Math.max(counts[word] ?? 0, Number(count));
  }
  return counts;
}
