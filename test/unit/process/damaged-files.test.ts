import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readCgroup, readCgroupName } from '../../../activities/process/cgroup.js';
import { wasOutOfMemory } from '../../../activities/process/out-of-memory.js';
import { readCut } from '../../../activities/process/output-cap.js';
import { findProgram, readExit, readLaunchFailure, readProgram, readShim, releaseShim, shimAlive, startFile } from '../../../activities/process/start-dir.js';
import { terminateStart } from '../../../activities/process/terminate.js';
import { watchExit } from '../../../activities/process/watch.js';
import { until } from '../../helpers/until.js';
import { here, lives, newStart, prepared, preparedWithoutCookie, type Start } from './starts.js';

const program = { pid: 999_999_999, startTime: 1, ...here };
const whole = JSON.stringify({ ...program, waiterPid: 999_999_998, waiterStartTime: 1 });

const damages: [name: string, content: string | Buffer | null][] = [
  ['empty', ''],
  ['half', whole.slice(0, 40)],
  ['whole but for its end', whole],
  ['zeros, as after a power cut', Buffer.alloc(4096)],
  ['bytes', Buffer.from([0xff, 0xfe, 0x00, 0x7d, 0x0a])],
  ['null', 'null\n'],
  ['a list', '[]\n'],
  ['an empty object', '{}\n'],
  ['an object of other things', '{"pid":"1","startTime":null}\n'],
  ['the pid of init', `${JSON.stringify({ ...program, pid: 1, waiterPid: 1, waiterStartTime: 1 })}\n`],
  ['a pid that is none', `${JSON.stringify({ ...program, pid: -5, waiterPid: -5, waiterStartTime: 1 })}\n`],
  ['a number with a fraction', `${JSON.stringify({ ...program, pid: 2.5, waiterPid: 2.5, waiterStartTime: 1 })}\n`],
  ['a number too long for a code', '1374\n'],
  ['a code without its end', '137'],
  ['a code and more', '137\n137\n'],
  ['a negative code', ' -1\n'],
  ['the room for a code', '----'],
  ['a code that is half written', '  7-'],
  ['a directory', null],
];

function damaged(name: Parameters<typeof startFile>[1], content: string | Buffer | null): Start {
  const start = newStart();
  if (content === null) mkdirSync(startFile(start.dir, name));
  else writeFileSync(startFile(start.dir, name), content);
  return start;
}

describe.each(damages)('a file that is %s', (_, content) => {
  test.each([
    ['shim', readShim],
    ['program', readProgram],
    ['program', findProgram],
    ['exit', readExit],
    ['cgroup', readCgroup],
    ['cgroup', readCgroupName],
    ['outputCut', readCut],
  ] as const)('as %s says nothing to %o', (name, read) => {
    expect(read(damaged(name, content).dir)).toBeUndefined();
  });

  test.each(['go', 'alive', 'exit', 'shim', 'program', 'cgroup', 'launchFailed'] as const)('as %s of a start makes nobody throw', async (name) => {
    const { dir, cookie } = damaged(name, content);
    expect(shimAlive(dir)).toBe(false);
    expect(releaseShim(dir, 'go')).toBe(false);
    expect(() => readLaunchFailure(dir)).not.toThrow();
    expect(wasOutOfMemory(dir, { code: 137, endedAtMs: Date.now() })).toBe(false);
    expect(await terminateStart({ dir, cookie, signal: 'SIGTERM', graceMs: 0 })).toEqual({ clean: true, killed: [] });
    const told: (number | 'lost')[] = [];
    watchExit(dir, { onExit: (code) => told.push(code), onShimLost: () => told.push('lost') });
    await until(() => told, ['lost']);
  });
});

test('a program whose record was damaged is still asked before it is killed', async () => {
  const start = await prepared();
  start.go(`trap 'echo asked; exit 3' TERM; echo ready; while :; do sleep 1000 & wait $!; done`);
  await start.says('ready');
  const { pid } = start.program();
  writeFileSync(startFile(start.dir, 'program'), '');
  expect(await terminateStart({ dir: start.dir, cookie: start.cookie, signal: 'SIGTERM', graceMs: 5000 })).toEqual({ clean: true, killed: [] });
  expect([lives(pid), readExit(start.dir)?.code, start.output()]).toEqual([false, 3, 'ready\nasked\n']);
});

test('a shim whose record was damaged is sent away', async () => {
  const start = await preparedWithoutCookie('/bin/sh', { cgroupParents: [] });
  const shim = readShim(start.dir);
  writeFileSync(startFile(start.dir, 'shim'), '');
  expect((await terminateStart({ dir: start.dir, cookie: start.cookie, signal: 'SIGTERM', graceMs: 0 })).clean).toBe(true);
  expect([lives(shim?.pid ?? 0), lives(shim?.waiterPid ?? 0)]).toEqual([false, false]);
});
