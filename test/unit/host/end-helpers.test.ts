import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { endHelpers } from '../../../activities/host/end-helpers.js';
import { startFile } from '../../../activities/process/start-dir.js';
import { lives, prepared } from '../process/starts.js';

const program = { stopSignal: 'SIGTERM', stopDurationSeconds: 1 } as Parameters<typeof endHelpers>[2];

it('ends a helper in the group of a program that has ended, also one that has overwritten its environment, where there is no cgroup', async () => {
  const start = await prepared(undefined, { cookie: '' });
  rmSync(startFile(start.dir, 'cgroup'), { force: true });
  start.go('env -i sleep 1000 & echo "helper $!"; exit 3', { shell: 'sh' });
  expect(await start.exitCode()).toBe(3);
  const helper = Number(/helper (\d+)/.exec(start.output())?.[1]);
  expect(lives(helper)).toBe(true);
  expect(await endHelpers(start.dir, start.cookie, program, false)).toBe(true);
  expect(lives(helper)).toBe(false);
});

it('says at once that nothing is left where nothing is', async () => {
  const start = await prepared();
  start.go('exit 0', { shell: 'sh' });
  expect(await start.exitCode()).toBe(0);
  expect(await endHelpers(start.dir, start.cookie, program, false)).toBe(true);
});
