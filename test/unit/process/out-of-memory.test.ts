import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { oomKillsIn } from '../../../activities/process/cgroup.js';
import { type KernelRecord, readKernelLog } from '../../../activities/process/kernel-log.js';
import { wasOutOfMemory } from '../../../activities/process/out-of-memory.js';
import { readExit } from '../../../activities/process/start-dir.js';
import { until } from '../../helpers/until.js';
import { describeWhere } from '../../helpers/where-possible.js';
import { baseEnv, prepared, type Start, shells } from './starts.js';

const tellsOf = (start: Start, log?: () => KernelRecord[]) => {
  const exit = readExit(start.dir);
  if (exit === undefined) throw new Error('It has not ended');
  return wasOutOfMemory(start.dir, exit, log);
};
const never = () => {
  throw new Error('The log was read');
};

test.each(shells)('a program is easier to kill for want of memory than its shim ($name)', async ({ sh }) => {
  const start = await prepared(sh);
  const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
  start.go('cat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj; cat /proc/$$/oom_score_adj');
  await start.exitCode();
  expect(start.output()).toBe(`${[Math.max(own, 300), own, Math.max(own, 300)].join('\n')}\n`);
});

test('an oom_score_adj that is higher already stays', async () => {
  const own = readFileSync('/proc/self/oom_score_adj', 'utf8');
  writeFileSync('/proc/self/oom_score_adj', '700');
  try {
    // Another environment has another process that forks.
    const start = await prepared(undefined, { baseEnv: { ...baseEnv, OF_THIS_TEST: '1' } });
    start.go('cat /proc/self/oom_score_adj');
    await start.exitCode();
    expect(start.output()).toBe('700\n');
  } finally {
    writeFileSync('/proc/self/oom_score_adj', own);
  }
});

test.each([
  ['none', 'low 0\nhigh 0\nmax 8\noom 3\noom_kill 0\noom_group_kill 0\n', 0],
  ['two', 'low 0\nhigh 0\nmax 8\noom 3\noom_kill 2\noom_group_kill 1\n', 2],
  ['nothing that can be read', '', 0],
])('a cgroup that counts %s', (_, text, kills) => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-events-'));
  writeFileSync(join(folder, 'memory.events'), text);
  expect(oomKillsIn(folder)).toBe(kills);
  rmSync(folder, { recursive: true });
});

test.each(['exit 1', 'exit 0', 'kill -TERM $$'])('the log is not read for `%s`', async (script) => {
  const start = await prepared();
  start.go(script);
  await start.exitCode();
  expect(tellsOf(start, never)).toBe(false);
});

test.each(['kill -KILL $$', 'exit 137', 'exit 9'])('`%s` is not told as out of memory without evidence', async (script) => {
  const start = await prepared();
  start.go(script);
  await start.exitCode();
  expect(tellsOf(start)).toBe(false);
  expect(tellsOf(start, () => [])).toBe(false);
});

test('a log that may not be read gives nothing', () => {
  expect(readKernelLog('/no/such/log')).toEqual([]);
  expect(readKernelLog('/')).toEqual([]);
});

const v1 = '/sys/fs/cgroup/memory';
const limited = `${v1}/test-${randomUUID()}`;
const possible = process.getuid?.() === 0 && existsSync(`${v1}/memory.limit_in_bytes`) && readKernelLog().length > 0;

describeWhere(possible, 'real want of memory: needs root, /dev/kmsg and the memory controller of cgroup v1')('with 30 MB of memory', () => {
  test.each([
    ['a program', 'exec tail /dev/zero'],
    ['its last command', 'tail /dev/zero'],
  ])('%s that takes more is told by the log of the kernel', async (_, eat) => {
    mkdirSync(limited);
    try {
      writeFileSync(`${limited}/memory.limit_in_bytes`, '30M');
      const start = await prepared();
      start.go(`echo $$ >"$LIMITED/cgroup.procs" || exit 1; ${eat}`, { env: { LIMITED: limited } });
      expect(await start.exitCode()).toBe(137);
      expect(tellsOf(start)).toBe(true);
      expect(tellsOf(start, () => [])).toBe(false);
    } finally {
      await until(() => {
        rmdirSync(limited);
        return true;
      }, true);
    }
  });
});
