import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync, statfsSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownCgroupDirs } from './cgroup-place.js';
import { isLive, readProcess } from './identity.js';
import { isNodeError } from './node-error.js';
import { startFile } from './start-dir.js';

const CGROUP2_MAGIC = 0x63677270;
const NAME = /^muster-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const KILL_LIMIT_MS = 5_000;
const STEP_MS = 5;
/** Its waiter may not be in it yet. */
const YOUNG_MS = 60_000;

/**
 * Makes a cgroup (v2) for a start, below this process's own, and writes its path into the start's directory. Does nothing, and says nothing, where that
 * is not allowed or there is none: the start goes without. No controller is enabled, since the kernel forbids that in a cgroup that holds processes.
 */
export function makeCgroup(dir: string, parents: readonly string[] = ownCgroupDirs()): void {
  const record = startFile(dir, 'cgroup');
  for (const parent of parents) {
    const path = join(parent, `muster-${randomUUID()}`);
    try {
      // The record first: what is made is known.
      writeFileSync(record, `${path}\n`, { mode: 0o600 });
      mkdirSync(path);
      return;
    } catch {
      rmSync(record, { force: true });
    }
  }
}

/**
 * The cgroup of a start, while there is one. Only what this program made is ever returned: a cgroup (v2) under a name with a random id, which it gives to no
 * two starts, and which does not hold this process.
 */
export function readCgroup(dir: string): string | undefined {
  const path = recordedPath(dir);
  return path !== undefined && isCgroup2(path) && !processesIn(path).includes(process.pid) ? path : undefined;
}

/** The name of a start's cgroup, which no other has; also when the cgroup is gone. Undefined where none was made. */
export function readCgroupName(dir: string): string | undefined {
  const path = recordedPath(dir);
  return path === undefined ? undefined : basename(path);
}

function recordedPath(dir: string): string | undefined {
  const text = read(startFile(dir, 'cgroup'));
  const path = text.slice(0, -1);
  return text.endsWith('\n') && path.startsWith('/') && NAME.test(basename(path)) ? path : undefined;
}

function isCgroup2(path: string): boolean {
  try {
    return statfsSync(path).type === CGROUP2_MAGIC;
  } catch {
    return false;
  }
}

/** The processes in a cgroup and all below it; none where it is gone. Zombies are not among them. */
export function processesIn(path: string): number[] {
  const own = read(join(path, 'cgroup.procs')).split('\n').map(Number);
  return [...own.filter((pid) => pid > 1), ...childrenOf(path).flatMap(processesIn)];
}

/** Whether a process lives in the cgroup or below it, also one that this process cannot see. */
export function isPopulated(path: string): boolean {
  return /^populated 1$/m.test(read(join(path, 'cgroup.events')));
}

/** SIGKILL to all in a cgroup and below it: at once where the kernel can (5.14), else one by one. Somebody may be left who was forked meanwhile. */
export function killInside(path: string): void {
  if (writeInto(join(path, 'cgroup.kill'), '1')) return;
  for (const pid of processesIn(path)) {
    try {
      if (pid !== process.pid) process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!isNodeError(error, 'ESRCH', 'EPERM')) throw error;
    }
  }
}

/** Kills until nobody lives in the cgroup (at most 5 s, else false), then removes it. Adds to `killed` whom it saw. Idempotent. */
export async function endCgroup(path: string, killed: Set<number>): Promise<boolean> {
  const limit = performance.now() + KILL_LIMIT_MS;
  while (isPopulated(path)) {
    if (performance.now() >= limit) return false;
    for (const pid of processesIn(path)) if (isLivePid(pid)) killed.add(pid);
    killInside(path);
    await sleep(STEP_MS);
  }
  removeCgroup(path);
  return true;
}

function isLivePid(pid: number): boolean {
  const stat = readProcess(pid);
  return stat !== undefined && isLive(stat);
}

/** Removes a cgroup in which nobody lives, and those that its processes made in it. Leaves it where somebody does. */
export function removeCgroup(path: string): void {
  for (const child of childrenOf(path)) removeCgroup(child);
  try {
    rmdirSync(path);
  } catch {
    // Populated, or gone.
  }
}

/**
 * Removes cgroups in which nobody has lived for a while: left by starts whose directory was lost. One that may still tell that its program ran out of memory
 * stays.
 */
export function removeEmptyCgroups(parents: readonly string[] = ownCgroupDirs(), nowMs = Date.now()): void {
  for (const path of parents.flatMap(childrenOf)) {
    const ageMs = nowMs - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? nowMs);
    if (NAME.test(basename(path)) && ageMs > YOUNG_MS && !isPopulated(path) && oomKillsIn(path) === 0) removeCgroup(path);
  }
}

/** How many of a cgroup's processes the kernel killed for want of memory; 0 also where nobody counts, since the memory controller is not enabled there. */
export function oomKillsIn(path: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(read(join(path, 'memory.events')))?.[1] ?? 0);
}

function childrenOf(path: string): string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter((it) => it.isDirectory()).map(({ name }) => join(path, name));
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function writeInto(path: string, text: string): boolean {
  try {
    const fd = openSync(path, 'r+');
    try {
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
    return true;
  } catch {
    return false;
  }
}
