import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Machines, muster } from './machines.js';
import { exampleDir } from './python.js';
import { statusOf, untilNothingLeft } from './runs.js';

/** Software is installed at the first test of an example. */
export const INSTALL_MS = 900_000;
export const HOSTS = ['host-1', 'host-2', 'host-3', 'host-4'];

/** Runs a copy of an example on so many nodes; the lines of its output. */
export async function runExample(machines: Machines, folder: string, file: string, nodes: number, env: Record<string, string> = {}): Promise<string[]> {
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
