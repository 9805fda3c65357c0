import { describe, expect, test } from 'vitest';
import { findCarriers } from '../../../activities/process/carriers.js';
import type { FileEvents } from '../../../activities/process/file-events.js';
import { readShim } from '../../../activities/process/start-dir.js';
import { terminateStart } from '../../../activities/process/terminate.js';
import { watchExit } from '../../../activities/process/watch.js';
import { until } from '../../helpers/until.js';
import { prepared, type Start, shells } from './starts.js';

/** What a watcher was told, in order. */
function watched(start: Start, events?: FileEvents): { told: (number | 'lost')[]; close(): void } {
  const told: (number | 'lost')[] = [];
  const listener = { onExit: (code: number) => told.push(code), onShimLost: () => told.push('lost') };
  return { told, ...watchExit(start.dir, listener, events) };
}

describe.each(shells)('with $name as the shell of the shim', ({ sh }) => {
  test('the exit is told once, before any poll is due', async () => {
    const start = await prepared(sh);
    start.go('echo ready; read -r _ <&1; exec sleep 1000');
    await start.says('ready');
    const { told } = watched(start);
    const since = performance.now();
    process.kill(start.program().pid, 'SIGKILL');
    await until(() => told, [137]);
    expect(performance.now() - since).toBeLessThan(900);
  });

  test('a shim that was killed is told as lost, and its program lives until it is ended', async () => {
    const start = await prepared(sh);
    start.go('echo ready; exec sleep 1000');
    await start.says('ready');
    const { told } = watched(start);
    process.kill(readShim(start.dir)?.pid ?? 0, 'SIGKILL');
    await until(() => told, ['lost'], 10_000);
    expect(findCarriers(start.cookie).map(({ pid }) => pid)).toEqual([start.program().pid]);
    const ended = await terminateStart({ dir: start.dir, cookie: start.cookie, signal: 'SIGTERM', graceMs: 2000 });
    expect(ended).toEqual({ clean: true, killed: [] });
  });
});

test('an exit is seen by polling when the kernel has no watches left', async () => {
  const exhausted: FileEvents = () => {
    throw Object.assign(new Error('System limit for number of file watchers reached'), { code: 'ENOSPC' });
  };
  const start = await prepared();
  start.go('echo ready; exec sleep 1000');
  await start.says('ready');
  const { told } = watched(start, exhausted);
  const since = performance.now();
  process.kill(start.program().pid, 'SIGKILL');
  await until(() => told, [137]);
  expect(performance.now() - since).toBeLessThan(950);
});

test('an exit is seen by the safety poll when the kernel loses the event', async () => {
  const start = await prepared();
  start.go('exit 5');
  const { told } = watched(start, () => ({ close() {} }));
  await until(() => told, [5], 10_000);
});

test('a closed watcher tells nothing, not even what had happened before', async () => {
  const start = await prepared();
  start.go('exit 5');
  await start.exitCode();
  const closed = watched(start);
  closed.close();
  const open = watched(start);
  await until(() => open.told, [5]);
  expect(closed.told).toEqual([]);
});
