import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isExecutable, programVersion, versionText } from './path.js';
import { type Pin, TEMPORAL_CLI } from './pins.js';

const STAGE_PREFIX = '.fetching-';
const ABANDONED_AFTER_MS = 60 * 60 * 1000;

/** Where fetched binaries are kept between runs: `muster` under XDG_CACHE_HOME or ~/.cache. */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  const home = env.HOME === undefined || env.HOME === '' ? homedir() : env.HOME;
  const base = env.XDG_CACHE_HOME === undefined || env.XDG_CACHE_HOME === '' ? join(home, '.cache') : env.XDG_CACHE_HOME;
  return join(base, 'muster');
}

export async function cached(pin: Pin, directory: string): Promise<string | undefined> {
  const path = installedPath(pin, directory);
  return (await isExecutable(path)) ? path : undefined;
}

/**
 * Fetches into a directory of its own beside the cached files, tries what came, and renames it into place: a reader sees the whole program
 * or none, and of two processes at once the later replaces the same with the same.
 */
export async function install(pin: Pin, directory: string, fetch: (stage: string) => Promise<string>): Promise<string> {
  await mkdir(directory, { recursive: true });
  await removeAbandonedStages(directory);
  const stage = await mkdtemp(join(directory, STAGE_PREFIX));
  try {
    const program = await fetch(stage);
    await chmod(program, 0o755);
    await refuseStranger(pin, program);
    const path = installedPath(pin, directory);
    await rename(program, path);
    return path;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

function installedPath(pin: Pin, directory: string): string {
  return join(directory, `${pin.program}-${pin.version}`);
}

async function removeAbandonedStages(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(STAGE_PREFIX)) continue;
    const path = join(directory, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}

async function refuseStranger(pin: Pin, program: string): Promise<void> {
  // The test server has no --version: it takes any argument for a port.
  if (pin !== TEMPORAL_CLI) return;
  const version = await programVersion(program);
  if (version === undefined || versionText(version) !== pin.version) throw new Error(`what came does not run as ${pin.program} ${pin.version}`);
}
