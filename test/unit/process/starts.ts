import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { findCarriers } from '../../../activities/process/carriers.js';
import { endCgroup, processesIn, readCgroup } from '../../../activities/process/cgroup.js';
import { ownCgroupDirs } from '../../../activities/process/cgroup-place.js';
import { baseEnvironment } from '../../../activities/process/env.js';
import { readBootId, readPidNamespace, readProcess } from '../../../activities/process/identity.js';
import { writeLaunch } from '../../../activities/process/launch.js';
import { forkShim, type ShimOptions } from '../../../activities/process/shim.js';
import { readExit, readProgram, releaseShim, startFile } from '../../../activities/process/start-dir.js';
import { endCarriers } from '../../../activities/process/terminate.js';
import { until } from '../../helpers/until.js';

/** The shells that a /bin/sh may be, as far as this machine has them, each under the name `sh` that it acts by. */
export const shells = ['dash', 'bash', 'busybox'].filter((name) => existsSync(`/usr/bin/${name}`)).map((name) => ({ name, sh: asSh(name) }));

export const here = { bootId: readBootId(), pidNamespace: readPidNamespace() };
export const baseEnv = baseEnvironment(process.env);

/** One start in a directory of its own, with a shim that waits. */
export class Start {
  constructor(
    readonly dir: string,
    readonly cookie: string,
  ) {}

  /** Says what to run, and lets it go. */
  go(script: string, launch: { env?: Record<string, string>; shell?: string; workingDir?: string } = {}): void {
    this.launch(script, launch);
    expect(releaseShim(this.dir, 'go')).toBe(true);
  }

  launch(script: string, { env = {}, shell = 'bash', workingDir = '/' }: { env?: Record<string, string>; shell?: string; workingDir?: string } = {}): void {
    writeLaunch(this.dir, { env: { ...env, MUSTER_COOKIE: this.cookie }, workingDir, shell, script });
  }

  /** What the program wrote so far. */
  output(): string {
    return readFileSync(startFile(this.dir, 'output'), 'utf8');
  }

  /** Waits for a line that the program writes. */
  says(line: string): Promise<string> {
    return until(
      () => this.output(),
      (text) => text.split('\n').includes(line),
    );
  }

  /** Waits for the recorded exit. */
  async exitCode(): Promise<number> {
    const exit = await until(
      () => readExit(this.dir),
      (it) => it !== undefined,
    );
    return exit?.code ?? -1;
  }

  program(): { pid: number; startTime: number } {
    const program = readProgram(this.dir);
    if (program === undefined) throw new Error('The program has not started');
    return program;
  }
}

const made: Start[] = [];

/** Whether a cgroup (v2) can be made here. */
export const cgroupsWork = ownCgroupDirs().some((dir) => {
  const path = join(dir, `test-${randomUUID()}`);
  try {
    mkdirSync(path);
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
});

/** A fresh directory and cookie, without a shim yet. */
export function newStart(under = tmpdir()): Start {
  const start = new Start(mkdtempSync(join(under, 'muster-start-')), `test/${randomUUID()}/1`);
  made.push(start);
  return start;
}

/** A start whose shim waits and carries the cookie of the start. */
export async function prepared(sh?: string, more: Partial<ShimOptions> = {}): Promise<Start> {
  const start = newStart();
  await forkShim({ dir: start.dir, cookie: start.cookie, baseEnv, ...here, ...(sh === undefined ? {} : { sh }), ...more });
  return start;
}

/** A start whose shim waits and carries no cookie, as one that was forked ahead of its need. */
export async function preparedWithoutCookie(sh: string, more: Partial<ShimOptions> = {}): Promise<Start> {
  const start = newStart();
  await forkShim({ dir: start.dir, baseEnv, ...here, sh, ...more });
  return start;
}

/** True while a process with this pid runs; a zombie does not. */
export function lives(pid: number): boolean {
  const state = readProcess(pid)?.state;
  return state !== undefined && state !== 'Z';
}

// A test that leaves a process behind is a failed test.
afterEach(async () => {
  const ended = await Promise.allSettled(made.splice(0).map(leaveNothing));
  for (const it of ended) if (it.status === 'rejected') throw it.reason;
});

async function leaveNothing({ dir, cookie }: Start): Promise<void> {
  const cgroup = readCgroup(dir);
  const left = () => [...findCarriers(cookie).map(({ pid }) => pid), ...(cgroup === undefined ? [] : processesIn(cgroup))];
  try {
    await until(() => left().map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').slice(-200)), [], 2000);
  } finally {
    await endCarriers({ cookie, signal: 'SIGKILL', graceMs: 0 });
    if (cgroup !== undefined) await endCgroup(cgroup, new Set());
    rmSync(dir, { recursive: true, force: true });
  }
}

function asSh(name: string): string {
  const folder = join(tmpdir(), `muster-sh-${name}`);
  mkdirSync(folder, { recursive: true });
  try {
    symlinkSync(`/usr/bin/${name}`, join(folder, 'sh'));
  } catch {
    // Another test file was quicker.
  }
  return join(folder, 'sh');
}
