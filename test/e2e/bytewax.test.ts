import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { succeeds } from '../helpers/commands.js';
import { type Machines, muster, readLines, startMachines } from '../helpers/machines.js';
import { virtualEnvironment } from '../helpers/python.js';
import { untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/bytewax', import.meta.url));
const FILES = 6;
const LINES = 400;
const WORDS = 60;

let machines: Machines;
let python: string;
beforeAll(async () => {
  const [venv, started] = await Promise.all([
    virtualEnvironment('bytewax', ['--require-hashes']),
    startMachines(17, ['host-1', 'host-2', 'host-3', 'host-4', 'host-5']),
  ]);
  python = join(venv, 'bin', 'python');
  machines = started;
});
afterAll(() => machines?.stop());

/** A folder as the example wants it, with the same text each time; and what its words count. */
async function makeShared(name: string): Promise<{ shared: string; expected: Record<string, number> }> {
  const shared = join(machines.dir, name);
  for (const each of ['input', 'output', 'store']) mkdirSync(join(shared, each), { recursive: true });
  const expected: Record<string, number> = {};
  for (let file = 0; file < FILES; file++) {
    const lines = Array.from({ length: LINES }, (_, line) => [`word${(line * 7 + file) % WORDS}`, `word${(line * line) % WORDS}`, 'the']);
    for (const word of lines.flat()) expected[word] = (expected[word] ?? 0) + 1;
    writeFileSync(join(shared, 'input', `part-${file}`), lines.map((words) => `${words.join(' ')}\n`).join(''));
  }
  await succeeds(python, ['-m', 'bytewax.recovery', join(shared, 'store'), '4']);
  return { shared, expected };
}

async function submit(id: string, nodes: number, shared: string, pauseMs: number): Promise<string> {
  const env = { ...machines.env, PYTHON: python, EXAMPLE, SHARED: shared };
  const { code, stderr } = await muster(['run', '--detach', '--id', id, '-n', String(nodes), '-e', `PAUSE_MS=${pauseMs}`, join(EXAMPLE, 'wordcount.yml')], env);
  expect([code, stderr]).toEqual([0, '']);
  return id;
}

/** The result of each word: its highest count. */
function counted(shared: string): Record<string, number> {
  const result: Record<string, number> = {};
  for (const file of readdirSync(join(shared, 'output'))) {
    for (const line of readLines(join(shared, 'output', file))) {
      const [word = '', count] = line.split(' ');
      result[word] = Math.max(result[word] ?? 0, Number(count));
    }
  }
  return result;
}

/** Every count that a generation told of a word. */
function countsOf(word: string, shared: string, generation: number): number[] {
  const lines = tookPart(shared, generation).flatMap((rank) => readLines(join(shared, 'output', `${generation}-${rank}`)));
  return lines.flatMap((line) => (line.startsWith(`${word} `) ? [Number(line.split(' ')[1])] : []));
}

/** The ranks that have counted words in a generation. */
function tookPart(shared: string, generation: number): number[] {
  const files = readdirSync(join(shared, 'output')).filter((file) => file.startsWith(`${generation}-`) && readLines(join(shared, 'output', file)).length > 0);
  return files.map((file) => Number(file.split('-')[1])).sort();
}

it('counts over three nodes what one process counts, and all three take part', async () => {
  const alone = await makeShared('alone');
  await untilPhase(machines.client, await submit('alone', 1, alone.shared, 0), 'succeeded', 60_000);
  expect(counted(alone.shared)).toEqual(alone.expected);
  const three = await makeShared('three');
  const { runId } = await untilPhase(machines.client, await submit('three', 3, three.shared, 0), 'succeeded', 60_000);
  expect(counted(three.shared)).toEqual(counted(alone.shared));
  expect(tookPart(three.shared, 1)).toEqual([0, 1, 2]);
  await untilNothingLeft(runId);
});

it('loses and doubles nothing when it is rescaled from three to five to two nodes in mid-run', { timeout: 180_000 }, async () => {
  const { shared, expected } = await makeShared('rescaled');
  const run = await submit('rescaled', 3, shared, 60);
  await until(() => tookPart(shared, 1), [0, 1, 2], 60_000);
  // Some seconds' worth, so that the store holds a state of it.
  await until(
    () => Math.max(0, ...countsOf('the', shared, 1)),
    (count) => count > 150,
    60_000,
  );
  const scale = async (nodes: number) => expect((await muster(['scale', run, String(nodes)], machines.env)).code).toBe(0);
  await scale(5);
  await until(() => tookPart(shared, 2), [0, 1, 2, 3, 4], 60_000);
  await scale(2);
  await until(() => tookPart(shared, 3), [0, 1], 60_000);
  const before = counted(shared);
  const { runId, generation, nodes } = await untilPhase(machines.client, run, 'succeeded', 90_000);
  expect([generation, nodes.length]).toEqual([3, 2]);
  expect(before).not.toEqual(expected);
  expect(counted(shared)).toEqual(expected);
  // It went on from the store, and did not count all anew.
  expect(Math.min(...countsOf('the', shared, 3))).toBeGreaterThan(1);
  await untilNothingLeft(runId);
});
