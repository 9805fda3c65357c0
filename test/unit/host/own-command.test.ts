import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { placeOwnCommand, withOwnCommand } from '../../../activities/host/own-command.js';
import { startFile } from '../../../activities/process/start-dir.js';
import { OneHost } from './one-host.js';

const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true });
});

it('makes a command muster that keeps its words, also in a directory with spaces and quotes, and is replaced by the next agent', () => {
  const dir = mkdtempSync(join(tmpdir(), "muster own ' command "));
  made.push(dir);
  const main = join(dir, 'it is "main".js');
  writeFileSync(main, 'console.log(JSON.stringify(process.argv.slice(2)))');
  placeOwnCommand(dir, '/no/such/main.js');
  placeOwnCommand(dir, main);
  const { PATH } = withOwnCommand({ PATH: '/usr/bin:/bin' }, dir);
  expect(JSON.parse(execFileSync('/bin/sh', ['-c', `muster nodes 'a b' '"' ''`], { env: { PATH }, encoding: 'utf8' }))).toEqual(['nodes', 'a b', '"', '']);
});

it.each([
  [
    { PATH: '/usr/bin:/bin', A: 'b' },
    { PATH: '/usr/bin:/bin:/data/bin', A: 'b' },
  ],
  [{ PATH: '/mine::/usr/bin' }, { PATH: '/mine::/usr/bin:/data/bin' }],
  [{ PATH: '/data/bin:/usr/bin' }, { PATH: '/data/bin:/usr/bin' }],
  [{ PATH: '' }, { PATH: '' }],
  [{ A: 'b' }, { A: 'b' }],
])('of %j makes %j', (env, expected) => {
  expect(withOwnCommand(env, '/data')).toEqual(expected);
});

it('leaves the PATH that a task sets in its place, with the command behind it', async () => {
  const host = new OneHost({ env: { PATH: '/usr/bin:/bin:/mine' } });
  const { dir } = await host.running();
  expect(readFileSync(startFile(dir, 'env'), 'utf8')).toContain(`export PATH='/usr/bin:/bin:/mine:${host.dataDir}/bin'\n`);
});
