import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Version } from './pins.js';

/** The first executable file of this name on the environment's PATH. */
export async function onPath(program: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const directory of (env.PATH ?? '').split(delimiter)) {
    // An empty entry means the working directory to a shell; a server is not to be picked up from there.
    if (directory === '') continue;
    const path = join(directory, program);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** What `PROGRAM --version` says of a Temporal CLI; undefined when it says nothing of the kind within 10 s. */
export async function programVersion(program: string): Promise<Version | undefined> {
  try {
    const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: 10_000, killSignal: 'SIGKILL' });
    return parseCliVersion(stdout);
  } catch {
    return undefined;
  }
}

/** Reads `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`: the CLI's own version, not its server's. */
export function parseCliVersion(output: string): Version | undefined {
  const match = /^temporal version v?(\d+)\.(\d+)\.(\d+)/m.exec(output);
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])];
}

export function versionText(version: Version): string {
  return version.join('.');
}
