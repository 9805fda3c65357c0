import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Agent } from '../../../activities/host/agent.js';
import { boundOnce } from '../../../activities/host/output-keeper.js';

const CAP = 8 * 2 ** 20;
const agent = { outputCapBytes: CAP, log: { warn: () => undefined } } as unknown as Agent;
const path = process.env['PATH'] ?? '';
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muster-keeper-'));
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(dir, { recursive: true, force: true });
});

it('the last look at a start is made also when it comes during another, whose program wrote on meanwhile', async () => {
  const output = join(dir, 'output');
  writeFileSync(output, Buffer.alloc(12 * 2 ** 20, 'x'));
  const real = execFileSync('sh', ['-c', 'command -v fallocate'], { encoding: 'utf8' }).trim();
  // The first time 20 MiB are written before anything is freed.
  const stub = `#!/bin/sh\n[ -e ${dir}/once ] || { : > ${dir}/once; head -c 20971520 /dev/zero | tr '\\0' y >> ${output}; }\nexec ${real} "$@"\n`;
  writeFileSync(join(dir, 'fallocate'), stub, { mode: 0o755 });
  process.env['PATH'] = dir + delimiter + path;
  await Promise.all([boundOnce(agent, dir), boundOnce(agent, dir)]);
  expect(statSync(output).size).toBe(32 * 2 ** 20);
  expect(statSync(output).blocks * 512).toBeLessThanOrEqual(CAP);
});
