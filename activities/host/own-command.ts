import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { quote } from '../process/env.js';
import { replaceFile } from './replace-file.js';

/**
 * Puts a command `muster` into the data directory, which runs this Node.js and this `main`: what an agent's programs find is as new as their agent, whatever
 * is installed. An agent that succeeds replaces it.
 */
export function placeOwnCommand(dataDir: string, main: string): void {
  const dir = commandDir(dataDir);
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  replaceFile(join(dir, 'muster'), `#!/bin/sh\nexec ${quote(process.execPath)} ${quote(main)} "$@"\n`, 0o755);
}

/**
 * The environment with the directory of that command last on its `PATH`: what the machine or the task has under the same name goes first. As it is where there
 * is no `PATH`, since a shell's own would be lost.
 */
export function withOwnCommand(env: Readonly<Record<string, string>>, dataDir: string): Record<string, string> {
  const { PATH: path } = env;
  const dir = commandDir(dataDir);
  if (!path || dir.includes(':') || path.split(':').includes(dir)) return { ...env };
  return { ...env, PATH: `${path}:${dir}` };
}

function commandDir(dataDir: string): string {
  return join(dataDir, 'bin');
}
