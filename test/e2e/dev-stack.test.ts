import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { connect, type Muster } from '../../client/connect.js';
import { freePort } from '../../workers/server/ports.js';
import { MAIN, withoutTemporal } from '../helpers/machines.js';
import { processesOf } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

const dir = mkdtempSync(join(tmpdir(), 'muster-dev-stack-'));
let dev: ChildProcess | undefined;
let said = '';
let muster: Muster | undefined;

afterEach(async () => {
  await muster?.close();
  dev?.kill('SIGTERM');
  await until(
    () => dev?.exitCode ?? null,
    (code) => code !== null,
    15_000,
  );
  said = '';
  rmSync(dir, { recursive: true, force: true });
});

/** A run of one node that goes on, under a stack whose Temporal is then killed and started again. */
async function runThroughKill(more: string[]) {
  const port = await freePort('127.0.0.1');
  const args = [MAIN, 'dev', '--hosts', '1', '--port', String(port), '--ui-port', String(await freePort('127.0.0.1', [port])), ...more];
  dev = spawn(process.execPath, args, { env: withoutTemporal(process.env), stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [dev.stdout, dev.stderr]) stream?.on('data', (data) => (said += data));
  await until(
    () => said,
    (text) => text.includes('Ctrl-C ends everything'),
    30_000,
  );
  muster = await connect({ temporal: { address: `127.0.0.1:${port}`, namespace: 'default' } });
  const run = await muster.runs.start({ nodes: 1, commands: ['sleep 1000'], host_timeout: '6s' });
  const { runId } = await until(
    () => run.status(),
    ({ phase }) => phase === 'running',
    15_000,
  );
  const temporal = Number(/^Temporal +\S+ +(\d+)$/m.exec(said)?.[1]);
  process.kill(temporal, 'SIGKILL');
  await until(
    () => said,
    (text) => text.includes('Temporal is there again'),
    20_000,
  );
  return { muster, run, programs: () => processesOf(runId).length };
}

it('a Temporal that dies is started again, and goes on with the run that it kept', async () => {
  const { run, programs } = await runThroughKill(['--data', dir]);
  expect(said).toContain('Temporal was ended by a signal; starting it again');
  expect(said).toContain('Temporal is there again, with all that it knew');
  expect(programs()).toBeGreaterThan(0);
  await until(
    () => run.stop(),
    () => true,
    15_000,
  );
  const { phase } = await run.wait({ limitMs: 20_000 });
  expect([phase, programs()]).toEqual(['cancelled', 0]);
});

it('a Temporal in memory that dies is started again, and what nobody knows of any more is ended', async () => {
  const { muster: of, programs } = await runThroughKill([]);
  expect(said).toContain('Temporal is there again, and knows nothing of what was before');
  await until(programs, 0, 20_000);
  await until(async () => (await of.hosts()).map(({ host, state }) => [host, state]), [['host-1', 'free']], 20_000);
});
