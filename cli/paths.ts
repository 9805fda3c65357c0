import { resolve } from 'node:path';

/** The path as the user meant it: npm moves the working directory, and leaves the user's in INIT_CWD. */
export function userPath(path: string, env: NodeJS.ProcessEnv = process.env, cwd: string = process.cwd()): string {
  return resolve(env['INIT_CWD'] || cwd, path);
}
