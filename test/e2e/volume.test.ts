import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Machines, muster, startMachines } from '../helpers/machines.js';
import { statusOf } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

const HOSTS = ['host-1', 'host-2', 'host-3'];
const CAP_BYTES = 8 * 2 ** 20;
/** 64 MiB in lines of a hundred characters. */
const WRITER = `node -e 'const line = (i) => String(i).padStart(99, "0") + "\\n"; for (let i = 0; i < 671088; i += 1000) {
  require("fs").writeSync(1, Array.from({ length: 1000 }, (_, k) => line(i + k)).join("")); }
console.log("rank " + process.env.DSTACK_NODE_RANK + " wrote its last line")'`;

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(41, []);
  await Promise.all(HOSTS.map((host) => machines.startHost(host, ['--output-cap', '8MB'])));
});
afterAll(() => machines.stop());

it('holds the output of every node to its cap, shows its end and says what it does not show', async () => {
  const id = await machines.start({ nodes: 3, commands: [WRITER] });
  const { code, stdout, stderr } = await muster(['logs', '--follow', id], machines.env);
  expect(code).toBe(0);
  const status = await statusOf(machines.client, id);
  expect(status.phase).toBe('succeeded');
  for (const rank of [0, 1, 2]) {
    expect(stdout).toMatch(new RegExp(`│ rank ${rank} wrote its last line$`, 'm'));
    expect(stderr).toMatch(new RegExp(`^node ${rank}: [\\d.]+ MB of output not shown; \`muster logs ${id} --rank ${rank}\` has what is kept$`, 'm'));
  }
  const shown = stdout.trimEnd().split('\n');
  expect(shown.filter((line) => !/│ (0*\d+|rank \d wrote its last line)$/.test(line))).toEqual([]);
  const outputs = HOSTS.map((host) => join(machines.dir, host, 'runs', status.runId, 'starts', '1', 'output'));
  await until(() => outputs.map((path) => statSync(path).blocks * 512).filter((bytes) => bytes > CAP_BYTES), []);
  for (const path of outputs) expect(statSync(path).size).toBeGreaterThan(64 * 2 ** 20);

  const kept = await muster(['logs', '--raw', '--rank', '1', id], machines.env);
  const lines = kept.stdout.trimEnd().split('\n');
  expect([kept.code, lines[0], lines.at(-1)]).toEqual([0, '0'.repeat(99), 'rank 1 wrote its last line']);
  expect(kept.stdout.length).toBeLessThan(CAP_BYTES);
  expect(kept.stderr).toMatch(/^node 1: [\d.]+ MB of output not shown/);
  expect(readdirSync(join(machines.dir, 'host-2', 'runs', status.runId, 'starts', '1'))).toContain('output-cut.json');
}, 120_000);

it('refuses a cap that is none', async () => {
  expect(await muster(['host', '--output-cap', '5'], machines.env)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--output-cap takes a size from 8MB on'),
  });
});
