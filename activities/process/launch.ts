import { writeFileSync } from 'node:fs';
import { quote, renderEnv } from './env.js';
import { startFile } from './start-dir.js';

/** What a start runs: `<shell> <script>` in the working directory, with the environment added to the shim's. */
export interface Launch {
  env: Readonly<Record<string, string>>;
  /** Absolute. Missing when *go* comes: the start fails with `readLaunchFailure` and exit code 126. */
  workingDir: string;
  /** A path or a name on the launch's PATH. Missing: the same, with 127. */
  shell: string;
  script: string;
}

/**
 * Says what the shim in this directory will run. To be called before *go*; a second call replaces the first. Only the owner may read
 * what it writes, as it holds the task's secrets. Throws on an environment that cannot be carried.
 */
export function writeLaunch(dir: string, launch: Launch): void {
  const text = renderLaunchEnv(dir, launch);
  writeFileSync(startFile(dir, 'script'), launch.script, { mode: 0o600 });
  writeFileSync(startFile(dir, 'env'), text, { mode: 0o600 });
}

/** What the shim, and commands beside its program, read before they begin. Throws on an environment that cannot be carried. */
export function renderLaunchEnv(dir: string, { env, workingDir, shell }: Omit<Launch, 'script'>): string {
  return `${renderEnv(env)}muster_dir=${quote(dir)}
muster_work=${quote(workingDir)}
muster_shell=${quote(shell)}
`;
}
