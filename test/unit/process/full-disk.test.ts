import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { forkShim } from '../../../activities/process/shim.js';
import { readExit, shimAlive, startFile } from '../../../activities/process/start-dir.js';
import { watchExit } from '../../../activities/process/watch.js';
import { type SmallDisk, smallDisk, smallDisksWork } from '../../helpers/small-disk.js';
import { until } from '../../helpers/until.js';
import { describeWhere } from '../../helpers/where-possible.js';
import { baseEnv, here, newStart, type Start, shells } from './starts.js';

describeWhere(smallDisksWork, 'programs on a full disk: no file system can be mounted here').each(shells)('with $name as the shell of the shim', ({ sh }) => {
  let disk: SmallDisk;
  let start: Start;

  beforeEach(async () => {
    disk = smallDisk();
    start = newStart(disk.path);
    await forkShim({ dir: start.dir, cookie: start.cookie, baseEnv, ...here, sh });
    execFileSync('mkfifo', [join(start.dir, 'hold')]);
  });

  afterEach(async () => {
    await until(() => shimAlive(start.dir), false);
    rmSync(start.dir, { recursive: true });
    await until(
      () => disk.remove(),
      () => true,
    );
  });

  test('the code of a program that ends on a full disk is recorded and told', async () => {
    start.go('echo ready; read -r _ <"$HOLD"; echo more; exit 7', { env: { HOLD: join(start.dir, 'hold') } });
    await start.says('ready');
    const told: (number | string)[] = [];
    watchExit(start.dir, { onExit: (code) => told.push(code), onShimLost: () => told.push('lost') });
    disk.fill();
    // So full is it that not even one byte can be added.
    expect(() => writeFileSync(join(disk.path, 'another'), 'x')).toThrow('ENOSPC');
    const since = Date.now();
    writeFileSync(join(start.dir, 'hold'), 'go\n');
    expect(await start.exitCode()).toBe(7);
    await until(() => told, [7]);
    expect(readExit(start.dir)?.endedAtMs).toBeGreaterThan(since - 20);
  });

  test('the room for the code says nothing while the program runs, and the code fills it', async () => {
    start.go('echo ready; read -r _ <"$HOLD"; exit 0', { env: { HOLD: join(start.dir, 'hold') } });
    await start.says('ready');
    disk.fill();
    expect([readFileSync(startFile(start.dir, 'exit'), 'utf8').length, readExit(start.dir)]).toEqual([4, undefined]);
    writeFileSync(join(start.dir, 'hold'), 'go\n');
    expect(await start.exitCode()).toBe(0);
    expect(readFileSync(startFile(start.dir, 'exit'), 'utf8')).toBe('  0\n');
  });
});
