import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { endHelpers } from '../../../activities/host/end-helpers.js';
import { killInside, makeCgroup, processesIn, readCgroup, removeCgroup, removeEmptyCgroups } from '../../../activities/process/cgroup.js';
import { ownCgroupDirs } from '../../../activities/process/cgroup-place.js';
import { forkShim } from '../../../activities/process/shim.js';
import { readExit, readShim, releaseShim, shimAlive, startFile } from '../../../activities/process/start-dir.js';
import { terminateStart } from '../../../activities/process/terminate.js';
import { until } from '../../helpers/until.js';
import { describeWhere } from '../../helpers/where-possible.js';
import { baseEnv, cgroupsWork, here, lives, newStart, prepared, preparedWithoutCookie, type Start, shells } from './starts.js';

const end = ({ dir, cookie }: Start, graceMs = 0) => terminateStart({ dir, cookie, signal: 'SIGTERM', graceMs });
const [parent = ''] = ownCgroupDirs();
const program = { stopSignal: 'SIGTERM', stopDurationSeconds: 1 } as Parameters<typeof endHelpers>[2];

function removed(cgroup: string): boolean {
  removeCgroup(cgroup);
  return !existsSync(cgroup);
}

/** The start's cgroup, once its waiter is in it. */
async function entered(start: Start): Promise<string> {
  const cgroup = readCgroup(start.dir) ?? '';
  await until(() => processesIn(cgroup), [readShim(start.dir)?.waiterPid ?? 0]);
  return cgroup;
}

describeWhere(cgroupsWork, 'cgroups of starts: no cgroup (v2) can be made here').each(shells)('with $name as the shell of the shim', ({ sh }) => {
  test('the waiter is in a cgroup of its own before its word comes, and the program after it; the shim is not', async () => {
    const start = await prepared(sh);
    const cgroup = await entered(start);
    expect(dirname(cgroup)).toBe(parent);
    start.go('cat /proc/self/cgroup; exec sleep 1000');
    await until(
      () => start.output(),
      (text) => text.includes(`0::${cgroup.slice(parent.length)}`) || text.includes(`/${basename(cgroup)}\n`),
    );
    expect(readFileSync(`/proc/${readShim(start.dir)?.pid}/cgroup`, 'utf8')).not.toContain(basename(cgroup));
    await end(start);
  });

  test('a program that ended leaves no cgroup', async () => {
    const start = await prepared(sh);
    const cgroup = await entered(start);
    start.go('exit 3');
    expect(await start.exitCode()).toBe(3);
    await until(() => existsSync(cgroup), false);
  });

  test('a shim that was sent away leaves no cgroup', async () => {
    const start = await preparedWithoutCookie(sh);
    const cgroup = await entered(start);
    releaseShim(start.dir, 'abort');
    rmSync(start.dir, { recursive: true });
    await until(() => existsSync(cgroup), false);
  });

  test('a shim that was forked ahead keeps its cgroup when its directory is renamed', async () => {
    const spare = await preparedWithoutCookie(sh);
    const start = newStart();
    rmSync(start.dir, { recursive: true });
    renameSync(spare.dir, start.dir);
    start.go(`env -i setsid bash -c 'echo ready; exec sleep 1000' & exec sleep 1000`);
    await start.says('ready');
    const cgroup = readCgroup(start.dir) ?? '';
    expect(processesIn(cgroup)).toHaveLength(2);
    expect((await end(start)).clean).toBe(true);
    expect(existsSync(cgroup)).toBe(false);
  });

  test('a cgroup that cannot be entered is no hindrance', async () => {
    const start = newStart();
    makeCgroup(start.dir);
    const cgroup = readCgroup(start.dir) ?? '';
    const gone = join(dirname(cgroup), `muster-${randomUUID()}`);
    // As where a shim may make cgroups and not move into them.
    await forkShim({ dir: start.dir, cookie: start.cookie, baseEnv, ...here, sh, cgroupParents: [] });
    releaseShim(start.dir, 'abort');
    await until(() => existsSync(cgroup), false);
    const second = newStart();
    writeFileSync(startFile(second.dir, 'cgroup'), `${gone}\n`);
    await forkShim({ dir: second.dir, cookie: second.cookie, baseEnv, ...here, sh, cgroupParents: [] });
    second.go('echo started; exit 4');
    expect(await second.exitCode()).toBe(4);
    expect(second.output()).toBe('started\n');
    expect(existsSync(gone)).toBe(false);
  });

  test('what hides from a program that ended by itself is ended with its helpers', async () => {
    const start = await prepared(sh);
    start.go(`env -i setsid bash -c 'echo me $$; exec sleep 1000' & sleep 0`);
    await start.exitCode();
    await until(
      () => start.output(),
      (text) => /^me \d+$/m.test(text),
    );
    const pid = Number(/^me (\d+)$/m.exec(start.output())?.[1]);
    const cgroup = readCgroup(start.dir) ?? '';
    expect(await endHelpers(start.dir, start.cookie, program, false)).toBe(true);
    expect([lives(pid), existsSync(cgroup)]).toEqual([false, false]);
  });

  test('processes in cgroups that the program made in its own are ended, and those cgroups removed', async () => {
    const start = await prepared(sh);
    const cgroup = await entered(start);
    start.go(`mkdir -p "$CG/a/b"; env -i CG="$CG" setsid bash -c 'echo $$ >"$CG/a/b/cgroup.procs"; echo ready; exec sleep 1000' & exec sleep 1000`, {
      env: { CG: cgroup },
    });
    await start.says('ready');
    const pids = processesIn(cgroup);
    expect(pids).toHaveLength(2);
    expect((await end(start)).clean).toBe(true);
    expect([pids.filter(lives), existsSync(cgroup)]).toEqual([[], false]);
  });

  test('a start whose records are damaged is ended by its cgroup', async () => {
    const start = await preparedWithoutCookie(sh);
    start.launch('');
    writeFileSync(startFile(start.dir, 'script'), 'echo me; exec env -i sleep 1000');
    releaseShim(start.dir, 'go');
    await start.says('me');
    const pids = processesIn(readCgroup(start.dir) ?? '');
    writeFileSync(startFile(start.dir, 'program'), '');
    writeFileSync(startFile(start.dir, 'shim'), '{"pid":');
    expect((await end(start)).clean).toBe(true);
    expect([pids.length, pids.filter(lives), shimAlive(start.dir), readExit(start.dir)?.code]).toEqual([1, [], false, 137]);
  });
});

describeWhere(cgroupsWork, 'foreign cgroups: no cgroup (v2) can be made here')('a record', () => {
  const name = `muster-${randomUUID()}`;

  test.each([
    ['of the cgroup that others are in', `${parent}\n`],
    ['of a name that is not ours', `${join(parent, 'foreign')}\n`],
    ['without its end', join(parent, name)],
    ['of a part of a path', `${join(parent, name.slice(0, 20))}\n`],
    ['of a directory that is no cgroup', `${join(tmpdir(), name)}\n`],
    ['of nothing', ''],
    ['of bytes', Buffer.from([0, 255, 10])],
  ])('%s is not believed', async (_, text) => {
    const start = newStart();
    for (const path of [join(tmpdir(), name), join(parent, 'foreign'), join(parent, name)]) mkdirSync(path, { recursive: true });
    const stranger = spawn('sleep', ['1000']);
    try {
      for (const path of ['foreign', name]) writeFileSync(join(parent, path, 'cgroup.procs'), String(stranger.pid));
      writeFileSync(startFile(start.dir, 'cgroup'), text);
      expect(readCgroup(start.dir)).toBeUndefined();
      expect((await end(start)).clean).toBe(true);
      expect(lives(stranger.pid ?? 0)).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
      await until(() => lives(stranger.pid ?? 0), false);
      for (const path of ['foreign', name]) await until(() => removed(join(parent, path)), true);
      rmSync(join(tmpdir(), name), { recursive: true });
    }
  });

  test('of the cgroup that this process is in is not believed', () => {
    const start = newStart();
    makeCgroup(start.dir);
    const cgroup = readCgroup(start.dir) ?? '';
    const procs = (of: string) => join(of, 'cgroup.procs');
    writeFileSync(procs(cgroup), String(process.pid));
    try {
      expect(readCgroup(start.dir)).toBeUndefined();
    } finally {
      writeFileSync(procs(parent), String(process.pid));
    }
    expect(readCgroup(start.dir)).toBe(cgroup);
  });

  test('is not made where no cgroup can be', () => {
    const start = newStart();
    makeCgroup(start.dir, ['/proc', '/no/such/dir']);
    expect(existsSync(startFile(start.dir, 'cgroup'))).toBe(false);
  });

  test('that was lost with its directory leaves a cgroup, which is removed once it is old and empty', () => {
    // Of its own: what other tests have just made is not to grow old.
    const own = join(parent, `test-${randomUUID()}`);
    const [young, old, foreign] = [`muster-${randomUUID()}`, `muster-${randomUUID()}`, 'foreign'].map((it) => join(own, it)) as [string, string, string];
    for (const path of [own, young, old, foreign]) mkdirSync(path);
    try {
      removeEmptyCgroups([own], Date.now());
      expect([young, old].map((it) => existsSync(it))).toEqual([true, true]);
      utimesSync(young, new Date(Date.now() + 120_000), new Date(Date.now() + 120_000));
      removeEmptyCgroups([own], Date.now() + 61_000);
      expect([young, old, foreign].map((it) => existsSync(it))).toEqual([true, false, true]);
    } finally {
      removeCgroup(own);
    }
  });
});

test('a kernel that cannot kill a whole cgroup is helped one by one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-cgroup-'));
  const children = ['.', 'below'].map((name) => {
    const child = spawn('sleep', ['1000']);
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'cgroup.procs'), `${child.pid}\n`);
    return child;
  });
  killInside(folder);
  await until(() => children.filter(({ pid }) => lives(pid ?? 0)).length, 0);
  rmSync(folder, { recursive: true });
});
