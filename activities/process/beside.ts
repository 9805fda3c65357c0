import { spawn } from 'node:child_process';
import { startFiles } from './start-dir.js';

/** How a command beside a program ended. `code`: 128 + n for signal n; null where its time was over. `output`: the end of it. */
export interface BesideResult {
  code: number | null;
  output: string;
}

const KEPT_BYTES = 2_048;

// As the waiter of a start does it: the same environment, directory and shell.
const SCRIPT = `
muster_command=$1
set --
. ./${startFiles.env} || exit 126
cd "$muster_work" || exit 126
[ $# -eq 0 ] || exec env "$@" "$muster_shell" -c "$muster_command"
exec "$muster_shell" -c "$muster_command"
`;

/**
 * Runs a command in the environment and the working directory of a start that has its launch. After `limitMs`, or when the signal aborts, its whole
 * process group is killed. Never rejects.
 */
export function runBeside(
  dir: string,
  command: string,
  how: { baseEnv: Readonly<Record<string, string>>; limitMs: number; signal: AbortSignal },
): Promise<BesideResult> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'muster-beside', command], { cwd: dir, env: how.baseEnv, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = Buffer.alloc(0);
    let code: number | null = null;
    const keep = (bytes: Buffer) => {
      output = Buffer.concat([output, bytes]).subarray(-KEPT_BYTES);
    };
    const kill = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    };
    const finish = (ended: number | null) => {
      clearTimeout(limit);
      how.signal.removeEventListener('abort', kill);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve({ code: ended, output: output.toString() });
    };
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      kill();
    }, how.limitMs);
    how.signal.addEventListener('abort', kill, { once: true });
    if (how.signal.aborted) kill();
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => {
      output = Buffer.from(error.message);
      finish(126);
    });
    // Not `close`: a helper that it left behind may keep the pipes open.
    child.once('exit', (status, signal) => {
      code = late ? null : (status ?? 128 + signalNumber(signal));
      setImmediate(() => finish(code));
    });
  });
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === 'SIGKILL' ? 9 : 15;
}
