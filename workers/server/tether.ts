import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** A program that cannot outlive this process. */
export interface Tethered {
  /** The program's own pid. */
  pid: number;
  /** Once the program is gone and what was to be removed is removed: its exit code, or null if a signal ended it. */
  exited: Promise<number | null>;
  /** Resolves with `exited`. `terminate` asks first and kills after 5 s; `kill` does not ask. */
  end(how: 'terminate' | 'kill'): Promise<void>;
}

export interface TetherOptions {
  command: readonly [program: string, ...args: string[]];
  env: NodeJS.ProcessEnv;
  /** Takes the program's output. */
  logFd: number;
  /** Absolute paths, removed with all they hold once the program is gone, whoever ended it. */
  removeOnExit: readonly string[];
}

// The pipe is the tether: the kernel closes our end however we die, the guard's read returns, and the program is killed. The arguments
// are a count, that many paths to remove, and the command.
const SCRIPT = `
count=$1; shift
exec 3<&0 </dev/null
(shift "$count"; exec "$@" >&2 3<&-) &
program=$!
(
  exec >/dev/null
  word=; read -r word <&3
  if [ "$word" = terminate ]; then
    kill -TERM "$program"
    left=100
    while [ "$left" -gt 0 ] && kill -0 "$program" 2>/dev/null; do sleep 0.05; left=$((left - 1)); done
  fi
  kill -KILL "$program" 2>/dev/null
) &
guard=$!
trap '' PIPE
echo "$program"
exec >/dev/null
wait "$program"; status=$?
kill -KILL "$guard" 2>/dev/null
while [ "$count" -gt 0 ]; do rm -rf -- "$1"; shift; count=$((count - 1)); done
exit "$status"
`;

const LAST_RESORT_MS = 8_000;

/** Starts a program in a session of its own, out of reach of the terminal's Ctrl-C, that is killed at once when this process dies, by kill -9 too. */
export async function startTethered({ command, env, logFd, removeOnExit }: TetherOptions): Promise<Tethered> {
  const args = ['-c', SCRIPT, 'muster-tether', String(removeOnExit.length), ...removeOnExit, ...command];
  const wrapper = spawn('/bin/sh', args, { detached: true, env, stdio: ['pipe', 'pipe', logFd] });
  const [stdin, stdout] = [wrapper.stdin as Writable, wrapper.stdout as Readable];
  stdin.on('error', ignoreBrokenPipe);
  const exited = exitOf(wrapper);
  return { pid: await firstNumber(stdout, wrapper), exited, end: (how) => end(wrapper, stdin, exited, how) };
}

// The guard may be gone already: the program ended by itself.
function ignoreBrokenPipe(): void {}

function exitOf(wrapper: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    // A shell tells a signal as 128 and more.
    wrapper.once('exit', (code) => resolve(code !== null && code < 128 ? code : null));
  });
}

function firstNumber(stdout: Readable, wrapper: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    wrapper.once('error', reject);
    const lines = createInterface({ input: stdout });
    lines.once('line', (line) => resolve(Number(line)));
    lines.once('close', () => reject(new Error('the shell that watches over the program did not start')));
  });
}

async function end(wrapper: ChildProcess, stdin: Writable, exited: Promise<number | null>, how: 'terminate' | 'kill'): Promise<void> {
  stdin.end(how === 'terminate' ? 'terminate\n' : '');
  const lastResort = setTimeout(() => killSession(wrapper), LAST_RESORT_MS);
  await exited;
  clearTimeout(lastResort);
}

function killSession(wrapper: ChildProcess): void {
  if (wrapper.pid === undefined) return;
  try {
    process.kill(-wrapper.pid, 'SIGKILL');
  } catch {
    // Gone meanwhile.
  }
}
