import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCarriers } from '../../../activities/process/carriers.js';
import { readProcess } from '../../../activities/process/identity.js';
import { readExit, readProgram, readShim, releaseShim, shimAlive, startFile } from '../../../activities/process/start-dir.js';
import { endCarriers, terminateStart } from '../../../activities/process/terminate.js';
import { until } from '../../helpers/until.js';
import { here, lives, newStart, prepared, preparedWithoutCookie, type Start, shells } from './starts.js';

const end = (start: Start, graceMs: number, signal = 'SIGTERM') => terminateStart({ dir: start.dir, cookie: start.cookie, signal, graceMs });

/** The pid that the program wrote on a line `<name> <pid>`. */
async function pidOf(start: Start, name: string): Promise<number> {
  const line = new RegExp(`^${name} (\\d+)$`, 'm');
  const text = await until(
    () => start.output(),
    (it) => line.test(it),
  );
  return Number(line.exec(text)?.[1]);
}

describe.each(shells)('with $name as the shell of the shim', ({ sh }) => {
  test('a program that obeys the signal ends with its own exit code and is not killed', async () => {
    const start = await prepared(sh);
    start.go(`trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 1000 & wait $!; done`);
    await start.says('ready');
    expect(await end(start, 5000)).toEqual({ clean: true, killed: [] });
    expect(readExit(start.dir)?.code).toBe(3);
    expect(start.output()).toBe('ready\nbye\n');
  });

  test('a program that ignores the signal is killed after the grace, and its exit is recorded', async () => {
    const start = await prepared(sh);
    start.go(`trap '' TERM; echo ready; sleep 1000; sleep 1000`);
    await start.says('ready');
    const { pid } = start.program();
    const since = performance.now();
    const { clean, killed } = await end(start, 300);
    expect(performance.now() - since).toBeGreaterThan(290);
    expect(performance.now() - since).toBeLessThan(10_000);
    expect(clean).toBe(true);
    expect(killed).toContain(pid);
    expect(readExit(start.dir)?.code).toBe(137);
  });

  test('without grace the program is killed unasked', async () => {
    const start = await prepared(sh);
    start.go(`trap 'echo asked; exit 3' TERM; echo ready; while :; do sleep 1000 & wait $!; done`);
    await start.says('ready');
    expect((await end(start, 0)).clean).toBe(true);
    expect(start.output()).toBe('ready\n');
    expect(readExit(start.dir)?.code).toBe(137);
  });

  test('a helper that forked twice into a session of its own gets the polite signal too', async () => {
    const start = await prepared(sh);
    start.go(`( setsid bash -c 'trap "echo helper-bye; exit" TERM; echo helper $$; while :; do sleep 1000 & wait $!; done' & ) & exec sleep 1000`);
    const helper = await pidOf(start, 'helper');
    expect(readProcess(helper)?.pgid).not.toBe(start.program().pid);
    const { clean } = await end(start, 300);
    expect(clean).toBe(true);
    expect(lives(helper)).toBe(false);
    expect(start.output()).toContain('helper-bye');
  });

  test('a helper that left the group and ignores the signal is found by its cookie after its program is gone', async () => {
    const start = await prepared(sh);
    start.go(`( setsid bash -c 'trap "" TERM; echo helper $$; sleep 1000; :' & ) & sleep 0`);
    const helper = await pidOf(start, 'helper');
    expect(await start.exitCode()).toBe(0);
    const { clean, killed } = await end(start, 50);
    expect(clean).toBe(true);
    expect(killed).toContain(helper);
    expect(lives(helper)).toBe(false);
  });

  test('a member of the group without the cookie is ended, also when its leader is gone', async () => {
    const start = await prepared(sh);
    start.go(`env -i bash -c 'echo member $$; exec sleep 1000' & while read -r l; do [ -n "$l" ] && break; done < <(tail -n +1 -f "$OUT"); exec sleep 0.3`, {
      env: { OUT: startFile(start.dir, 'output') },
    });
    const member = await pidOf(start, 'member');
    expect(await start.exitCode()).toBe(0);
    expect(readProcess(member)?.pgid).toBe(start.program().pid);
    expect((await end(start, 1000)).clean).toBe(true);
    expect(lives(member)).toBe(false);
  });

  test.each([
    ['with a cookie', prepared],
    ['without a cookie', preparedWithoutCookie],
  ])('a shim %s that waits is sent away, and its program never starts', async (_, prepare) => {
    const start = await prepare(sh);
    const shim = readShim(start.dir);
    start.launch('echo started');
    expect(await end(start, 1000)).toEqual({ clean: true, killed: [] });
    expect([lives(shim?.pid ?? 0), lives(shim?.waiterPid ?? 0)]).toEqual([false, false]);
    expect([shimAlive(start.dir), readProgram(start.dir), start.output()]).toEqual([false, undefined, '']);
  });

  test('a shim and a waiter that are frozen are killed', async () => {
    const start = await preparedWithoutCookie(sh);
    const shim = readShim(start.dir);
    for (const pid of [shim?.pid ?? 0, shim?.waiterPid ?? 0]) process.kill(pid, 'SIGSTOP');
    expect((await end(start, 0)).clean).toBe(true);
    expect([lives(shim?.pid ?? 0), lives(shim?.waiterPid ?? 0)]).toEqual([false, false]);
  });

  test('a stopped program is woken up to obey the signal', async () => {
    const start = await prepared(sh);
    start.go('echo ready; exec sleep 1000');
    await start.says('ready');
    process.kill(start.program().pid, 'SIGSTOP');
    expect(await end(start, 3000)).toEqual({ clean: true, killed: [] });
    expect(readExit(start.dir)?.code).toBe(143);
  });

  test('a second termination finds nothing to do', async () => {
    const start = await prepared(sh);
    start.go('exec sleep 1000');
    await until(() => readProgram(start.dir) !== undefined, true);
    await end(start, 1000);
    expect(await end(start, 1000)).toEqual({ clean: true, killed: [] });
  });
});

test('a program whose record names another start time is not signalled', async () => {
  const start = newStart();
  const stranger = await strangerWith({});
  try {
    const stat = readProcess(stranger.pid ?? 0);
    const forged = { pid: stat?.pid, startTime: (stat?.startTime ?? 0) - 1, ...here };
    writeFileSync(startFile(start.dir, 'program'), `${JSON.stringify(forged)}\n`);
    writeFileSync(startFile(start.dir, 'shim'), `${JSON.stringify({ ...forged, waiterPid: stat?.pid, waiterStartTime: 1 })}\n`);
    expect(await end(start, 50)).toEqual({ clean: true, killed: [] });
    writeFileSync(startFile(start.dir, 'program'), `${JSON.stringify({ ...forged, startTime: stat?.startTime, bootId: 'another' })}\n`);
    expect(await end(start, 0)).toEqual({ clean: true, killed: [] });
    expect(lives(stranger.pid ?? 0)).toBe(true);
  } finally {
    stranger.kill('SIGKILL');
  }
});

test('an unknown signal is refused before anything is touched', async () => {
  const start = await prepared();
  await expect(end(start, 0, 'SIGNOTHING')).rejects.toThrow('There is no signal SIGNOTHING');
  expect(shimAlive(start.dir)).toBe(true);
  releaseShim(start.dir, 'abort');
});

test('a cookie finds its own start only, a cookie that ends with a slash all of its seat', async () => {
  const start = newStart();
  const seat = start.cookie.replace(/1$/, '');
  const children = await Promise.all([`${seat}1`, `${seat}10`].map((cookie) => strangerWith({ MUSTER_COOKIE: cookie })));
  const pids = children.map(({ pid }) => pid);
  expect(findCarriers(`${seat}1`).map(({ pid }) => pid)).toEqual([pids[0]]);
  expect(
    findCarriers(seat)
      .map(({ pid }) => pid)
      .sort(),
  ).toEqual([...pids].sort());
  expect(await endCarriers({ cookie: `${seat}1`, signal: 'SIGTERM', graceMs: 1000 })).toEqual({ clean: true, killed: [] });
  expect(findCarriers(seat).map(({ pid }) => pid)).toEqual([pids[1]]);
  expect((await endCarriers({ cookie: seat, signal: 'SIGTERM', graceMs: 0 })).clean).toBe(true);
  expect(findCarriers(seat)).toEqual([]);
});

test('a waiting shim of a lost directory is found and ended by its cookie', async () => {
  const start = await prepared();
  rmSync(start.dir, { recursive: true });
  expect(findCarriers(start.cookie)).toHaveLength(2);
  expect((await endCarriers({ cookie: start.cookie, signal: 'SIGTERM', graceMs: 1000 })).clean).toBe(true);
  expect(findCarriers(start.cookie)).toEqual([]);
});

test('a program that forks without end is ended', async () => {
  const start = await prepared();
  start.go(
    `trap '' TERM; echo ready; loop() { setsid "$BASH" -c "$BODY" & }; export BODY='sleep 0.05; setsid bash -c "$BODY" & sleep 0.1'; loop; exec sleep 1000`,
  );
  await start.says('ready');
  expect((await end(start, 100)).clean).toBe(true);
  expect(findCarriers(start.cookie)).toEqual([]);
});

test('a process name with parentheses and spaces does not hide its numbers', async () => {
  const folder = mkdtempSync('/tmp/muster-name-');
  const program = join(folder, 'a) R 1 (b');
  writeFileSync(program, '#!/bin/sh\necho ready\nread -r _\n', { mode: 0o755 });
  const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  expect(readProcess(child.pid ?? 0)).toMatchObject({ pid: child.pid, ppid: process.pid, pgid: child.pid, sid: child.pid });
  child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A process that is not of any start; with this added to its environment. It runs when this resolves. */
async function strangerWith(env: Record<string, string>): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', 'echo ready; exec sleep 1000'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}
