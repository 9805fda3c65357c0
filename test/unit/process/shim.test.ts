import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { findCarriers } from '../../../activities/process/carriers.js';
import { processesIn, readCgroup } from '../../../activities/process/cgroup.js';
import { isSameProcess, readProcess } from '../../../activities/process/identity.js';
import { forkShim } from '../../../activities/process/shim.js';
import { readExit, readLaunchFailure, readProgram, readShim, releaseShim, shimAlive, startFile } from '../../../activities/process/start-dir.js';
import { terminateStart } from '../../../activities/process/terminate.js';
import { watchExit } from '../../../activities/process/watch.js';
import { until } from '../../helpers/until.js';
import { baseEnv, cgroupsWork, here, lives, newStart, prepared, type Start, shells } from './starts.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const built = join(root, 'node_modules/.cache/muster-shim-test');

/** Forks shims in these directories from a process of their own and kills that with SIGKILL once they wait. */
async function forkedByAnotherProcess(starts: Start[], sh: string): Promise<void> {
  const options = starts.map(({ dir, cookie }) => ({ dir, cookie, sh, baseEnv, ...here }));
  const program = `import { forkShim } from ${JSON.stringify(join(built, 'activities/process/shim.js'))};
    await Promise.all(${JSON.stringify(options)}.map(forkShim));
    console.log('ready');
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => parent.stdout.once('data', resolve));
  const gone = new Promise((resolve) => parent.once('exit', resolve));
  parent.kill('SIGKILL');
  await gone;
}

beforeAll(() => {
  rmSync(built, { recursive: true, force: true });
  mkdirSync(built, { recursive: true });
  writeFileSync(join(built, 'package.json'), '{"type":"module"}');
  const options = ['--ignoreConfig', '--module', 'nodenext', '--target', 'es2023', '--types', 'node', '--skipLibCheck'];
  const tsc = join(root, 'node_modules/.bin/tsc');
  execFileSync(tsc, [...options, '--rootDir', root, '--outDir', built, 'activities/process/shim.ts'], { cwd: root });
});

describe.each(shells)('with $name as the shell of the shim', ({ sh }) => {
  test('the shim says who it and its waiter are, in sessions of their own', async () => {
    const start = await prepared(sh);
    const shim = readShim(start.dir);
    expect(shim).toMatchObject(here);
    if (shim === undefined) throw new Error('no shim.json');
    expect(readProcess(shim.pid)).toMatchObject({ pid: shim.pid, startTime: shim.startTime, sid: shim.pid });
    expect(readProcess(shim.waiterPid)).toMatchObject({ startTime: shim.waiterStartTime, sid: shim.waiterPid, pgid: shim.waiterPid });
    releaseShim(start.dir, 'abort');
  });

  test('a waiting shim starts its program after its parent was killed with SIGKILL', async () => {
    const start = newStart();
    await forkedByAnotherProcess([start], sh);
    expect(shimAlive(start.dir)).toBe(true);
    start.go('echo started; exit 7');
    expect(await start.exitCode()).toBe(7);
    expect(start.output()).toBe('started\n');
  });

  test('go starts the program once, and a second word finds nobody', async () => {
    const start = await prepared(sh);
    start.launch('echo started; read -r _ < "$HOLD"; exit 0', { env: { HOLD: startFile(start.dir, 'go') } });
    expect(releaseShim(start.dir, 'go')).toBe(true);
    await start.says('started');
    start.launch('exit 0');
    await terminateStart({ dir: start.dir, cookie: start.cookie, signal: 'SIGTERM', graceMs: 1000 });
    expect(releaseShim(start.dir, 'go')).toBe(false);
    expect(start.output()).toBe('started\n');
  });

  test('two words at once start the program once', async () => {
    const start = await prepared(sh);
    start.launch('echo started');
    releaseShim(start.dir, 'go');
    releaseShim(start.dir, 'go');
    expect(await start.exitCode()).toBe(0);
    expect(start.output()).toBe('started\n');
  });

  test('the program leads a session and group of its own, under the recorded identity', async () => {
    const start = await prepared(sh);
    expect(readProgram(start.dir)).toBeUndefined();
    start.go('echo ready; exec sleep 1000');
    await start.says('ready');
    const { pid, startTime } = start.program();
    expect(readProcess(pid)).toMatchObject({ pgid: pid, sid: pid, startTime });
    expect(pid).toBe(readShim(start.dir)?.waiterPid);
    process.kill(pid, 'SIGKILL');
    await start.exitCode();
  });

  test('abort leaves no process and no exit', async () => {
    const start = await prepared(sh);
    start.launch('echo started');
    const shim = readShim(start.dir);
    expect(releaseShim(start.dir, 'abort')).toBe(true);
    await until(() => findCarriers(start.cookie).length, 0);
    expect([lives(shim?.pid ?? 0), lives(shim?.waiterPid ?? 0)]).toEqual([false, false]);
    expect([readProgram(start.dir), readExit(start.dir), start.output()]).toEqual([undefined, undefined, '']);
    expect(releaseShim(start.dir, 'go')).toBe(false);
  });

  test.each([
    ['exit 0', 0],
    ['exit 7', 7],
    ['kill -KILL $$', 137],
    ['kill -INT $$', 130],
    ['kill -TERM $$', 143],
  ])('the exit code of `%s` is recorded', async (script, code) => {
    const start = await prepared(sh);
    const before = Date.now();
    start.go(script);
    expect(await start.exitCode()).toBe(code);
    const endedAtMs = readExit(start.dir)?.endedAtMs ?? 0;
    expect(endedAtMs).toBeGreaterThan(before - 20);
    expect(endedAtMs).toBeLessThan(Date.now() + 20);
  });

  test('an exit while no agent lives is recorded, and a later watcher is told', async () => {
    const start = newStart();
    await forkedByAnotherProcess([start], sh);
    start.go('exit 9');
    await start.exitCode();
    await until(() => shimAlive(start.dir), false);
    const told = await new Promise((resolve) => watchExit(start.dir, { onExit: (code) => resolve(code), onShimLost: () => resolve('lost') }));
    expect(told).toBe(9);
  });

  test.runIf(cgroupsWork)('what hides in the cgroup of a start whose agent was killed is ended by the next agent', async () => {
    const start = newStart();
    await forkedByAnotherProcess([start], sh);
    start.go(`env -i setsid bash -c 'echo ready; exec sleep 1000' & sleep 0`);
    await start.says('ready');
    await start.exitCode();
    const pids = processesIn(readCgroup(start.dir) ?? '');
    expect(pids).toHaveLength(1);
    expect((await terminateStart({ dir: start.dir, cookie: start.cookie, signal: 'SIGTERM', graceMs: 1000 })).clean).toBe(true);
    expect(pids.filter(lives)).toEqual([]);
  });

  test('the shim outlives the signals of a terminal, and its program is still released', async () => {
    const start = await prepared(sh);
    const pid = readShim(start.dir)?.pid ?? 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.kill(pid, signal);
    start.go('echo ready; read -r _ <&1; exec sleep 1000');
    await start.says('ready');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.kill(pid, signal);
    process.kill(start.program().pid, 'SIGKILL');
    expect(await start.exitCode()).toBe(137);
  });

  test('the program starts with every signal at its default and none blocked', async () => {
    const start = await prepared(sh);
    // The program is cat itself: a shell in between would change what is read.
    start.go('', { shell: executable(start, '#!/bin/cat /proc/self/status\n') });
    await start.exitCode();
    const masks = /SigBlk:\s*(\w+)\nSigIgn:\s*(\w+)\nSigCgt:\s*(\w+)/.exec(start.output());
    expect(masks?.slice(1)).toEqual(['0000000000000000', '0000000000000000', '0000000000000000']);
  });

  test('the program inherits none of the descriptors of the shim', async () => {
    const start = await prepared(sh);
    start.go('for fd in 0 1 2 3 4; do readlink /proc/$$/fd/$fd || echo none; done', { shell: 'dash' });
    await start.exitCode();
    const output = startFile(start.dir, 'output');
    expect(start.output()).toBe(`/dev/null\n${output}\n${output}\nnone\nnone\n`);
  });

  test('the environment arrives byte for byte', async () => {
    const start = await prepared(sh);
    const everyLetter = Array.from({ length: 0x2ff }, (_, i) => String.fromCodePoint(i + 1)).join('');
    const env = {
      LINES_: '10.0.0.1\n10.0.0.2\n\n',
      QUOTES: `it's "so" \\ \`x\` $HOME $(exit) ''' !`,
      EMPTY: '',
      EVERY: everyLetter,
      LONG: 'x'.repeat(100_000),
      UID: '77',
      PPID: "a'b\nc",
      IFS: 'x',
      muster_shell: 'mine',
    };
    start.go('cat /proc/self/environ', { env, shell: 'dash' });
    await start.exitCode();
    const seen = Object.fromEntries(
      start
        .output()
        .split('\0')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    // dash, the program here, replaces PPID itself and does not import IFS.
    const { PPID: _p, IFS: _i, ...others } = env;
    expect(seen).toMatchObject(others);
    expect(seen['PATH']).toBe(process.env['PATH']);
  });

  test('the program runs in its working directory, with a script of any length and quotes', async () => {
    const start = await prepared(sh);
    const workingDir = join(start.dir, "work 'er");
    mkdirSync(workingDir);
    start.go(`pwd; echo "it's" ${'# '.repeat(50_000)}`, { workingDir, shell: 'sh' });
    await start.exitCode();
    expect(start.output()).toBe(`${workingDir}\nit's\n`);
  });

  test.each([
    ['a missing working directory', { workingDir: '/no/such/dir' }, 126, 'cannot enter the working directory /no/such/dir'],
    ['a missing shell', { shell: 'no-such-shell' }, 127, 'there is no no-such-shell on this host'],
  ])('%s fails with a sentence', async (_, launch, code, sentence) => {
    const start = await prepared(sh);
    start.go('echo started', launch);
    expect(await start.exitCode()).toBe(code);
    expect(readLaunchFailure(start.dir)).toBe(sentence);
    expect(start.output()).toContain(`muster: ${sentence}\n`);
  });

  test('go without a launch fails with a sentence', async () => {
    const start = await prepared(sh);
    releaseShim(start.dir, 'go');
    expect(await start.exitCode()).toBe(126);
    expect(readLaunchFailure(start.dir)).toBe('nothing says what to run: env.sh is missing');
  });

  test('a shim forked ahead follows its directory when that is renamed', async () => {
    const spare = await prepared(sh);
    const start = newStart();
    rmSync(start.dir, { recursive: true });
    renameSync(spare.dir, start.dir);
    start.go('echo started; exit 3');
    expect(await start.exitCode()).toBe(3);
    expect(start.output()).toBe('started\n');
  });

  test('go is refused when the shim was killed, and the waiter leaves on abort', async () => {
    const start = await prepared(sh);
    start.launch('echo started');
    process.kill(readShim(start.dir)?.pid ?? 0, 'SIGKILL');
    await until(() => shimAlive(start.dir), false);
    expect(releaseShim(start.dir, 'go')).toBe(false);
    expect(releaseShim(start.dir, 'abort')).toBe(true);
  });
});

test('a start in a directory that is missing is refused, and the next one works', async () => {
  await expect(forkShim({ dir: '/no/such/dir', baseEnv, ...here })).rejects.toThrow("cannot enter the start's directory");
  const start = await prepared();
  start.go('exit 0');
  expect(await start.exitCode()).toBe(0);
});

test('a forker that was killed is replaced', async () => {
  const env = { ...baseEnv, FORKER: 'of this test' };
  const first = newStart();
  await forkShim({ dir: first.dir, cookie: first.cookie, baseEnv: env, ...here });
  const forker = pidOfForker('FORKER=of this test');
  // Nobody waits for its end here: that it is gone comes to light when it is used.
  process.kill(forker, 'SIGKILL');
  const second = newStart();
  await forkShim({ dir: second.dir, cookie: second.cookie, baseEnv: env, ...here });
  for (const start of [first, second]) {
    start.go('exit 4');
    expect(await start.exitCode()).toBe(4);
  }
});

test('an identity with another start time, boot or namespace is another process', async () => {
  const start = await prepared();
  const shim = readShim(start.dir);
  if (shim === undefined) throw new Error('no shim.json');
  expect(isSameProcess(shim)).toBe(true);
  expect(isSameProcess({ ...shim, startTime: shim.startTime + 1 })).toBe(false);
  expect(isSameProcess({ ...shim, bootId: 'another' })).toBe(false);
  expect(isSameProcess({ ...shim, pidNamespace: 'pid:[1]' })).toBe(false);
  releaseShim(start.dir, 'abort');
});

/** The forker with this line in its environment. */
function pidOfForker(line: string): number {
  const has = (pid: string, file: string, text: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').includes(text);
    } catch {
      return false;
    }
  };
  return Number(readdirSync('/proc').find((pid) => has(pid, 'environ', line) && has(pid, 'cmdline', 'muster-forker')));
}

function executable(start: Start, text: string): string {
  const path = join(start.dir, 'program');
  writeFileSync(path, text, { mode: 0o755 });
  return path;
}
