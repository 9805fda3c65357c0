import { existsSync } from 'node:fs';
import { makeCgroup, readCgroup, removeCgroup } from './cgroup.js';
import { Forker, ForkerDied } from './forker.js';
import { startFile } from './start-dir.js';

/** What a shim is made of. */
export interface ShimOptions {
  /** The start's directory: absolute, on the machine's own disk, existing, without a shim so far. */
  dir: string;
  /** What the shim, and so the program, inherits. Give the same object for every shim of an agent. */
  baseEnv: Readonly<Record<string, string>>;
  bootId: string;
  pidNamespace: string;
  /** Marks the shim itself with `MUSTER_COOKIE`, so that it is found also when its directory is lost. */
  cookie?: string;
  /** The cgroups (v2) below which the start's own is made, the first that allows it. This process's by default; none: the start has no cgroup. */
  cgroupParents?: readonly string[];
  /** A POSIX shell, under the name `sh`: bash by its own name would read the user's ~/.bashrc here. /bin/sh by default. */
  sh?: string;
}

const forkers = new Map<string, Forker>();

/**
 * Starts a shim and resolves with its pid once it waits for its word (`releaseShim`): shim.json is complete and the FIFOs are open.
 * The shim survives this process from then on. The program gets a cgroup of its own where one can be made; its waiter enters that
 * within milliseconds. Until its launch is written the directory may be renamed, so that a shim can be forked ahead of its need.
 * Costs the event loop half a millisecond: the forking is done by one small process per environment, which starts with the first
 * call, ends with this process and holds neither open. Rejects, leaving nothing, when the directory cannot be entered, a tool is
 * missing (mkfifo, setsid of util-linux), or after 10 s.
 */
export async function forkShim(options: ShimOptions): Promise<{ pid: number }> {
  makeCgroup(options.dir, options.cgroupParents);
  try {
    return await forkPersistently(options);
  } catch (error) {
    const cgroup = readCgroup(options.dir);
    if (cgroup !== undefined) removeCgroup(cgroup);
    throw error;
  }
}

async function forkPersistently(options: ShimOptions): Promise<{ pid: number }> {
  const { dir, cookie } = options;
  try {
    return await forkerFor(options).fork(dir, cookie);
  } catch (error) {
    // Killed by somebody, and it had not got to this shim: another one will.
    if (!(error instanceof ForkerDied) || existsSync(startFile(dir, 'alive'))) throw error;
    return forkerFor(options).fork(dir, cookie);
  }
}

function forkerFor({ baseEnv, bootId, pidNamespace, sh = '/bin/sh' }: ShimOptions): Forker {
  const key = JSON.stringify([sh, bootId, pidNamespace, baseEnv]);
  let forker = forkers.get(key);
  if (!forker?.usable) {
    forker = new Forker({ baseEnv, bootId, pidNamespace, sh });
    forkers.set(key, forker);
  }
  return forker;
}
