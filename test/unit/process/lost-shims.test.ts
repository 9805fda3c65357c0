import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endLostShims } from '../../../activities/process/lost-shims.js';
import { forkShim } from '../../../activities/process/shim.js';
import { readShim } from '../../../activities/process/start-dir.js';
import { until } from '../../helpers/until.js';
import { baseEnv, here, lives } from './starts.js';

test('shims that wait in a directory that was removed are ended, and no other', async () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'muster-lost-')));
  const [lost, kept, elsewhere] = [join(root, 'data', 'lost'), join(root, 'data', 'kept'), join(root, 'other', 'lost')];
  for (const dir of [lost, kept, elsewhere]) {
    mkdirSync(dir, { recursive: true });
    await forkShim({ dir, baseEnv, ...here });
  }
  const pidsOf = (dir: string) => {
    const shim = readShim(dir);
    return shim ? [shim.pid, shim.waiterPid] : [];
  };
  const [theLost, theKept, theOthers] = [pidsOf(lost), pidsOf(kept), pidsOf(elsewhere)];
  for (const dir of [lost, elsewhere]) rmSync(dir, { recursive: true });
  expect(endLostShims(join(root, 'data'))).toBe(2);
  await until(() => theLost.filter(lives), []);
  expect([...theKept, ...theOthers].filter(lives)).toEqual([...theKept, ...theOthers]);
  rmSync(kept, { recursive: true });
  expect(endLostShims(root)).toBe(4);
  await until(() => [...theKept, ...theOthers].filter(lives), []);
  rmSync(root, { recursive: true });
});
