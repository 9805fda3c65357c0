import { spawn } from 'node:child_process';

/** What a command that succeeded has said. */
export interface Outcome {
  stdout: string;
  stderr: string;
}

interface How {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  limitMs?: number;
}

/** Runs a command to its end, at most two minutes if not told otherwise; its stdout. Rejects with all that it said. */
export async function succeeds(command: string, args: string[], how: How = {}): Promise<string> {
  return (await outcome(command, args, how)).stdout;
}

/** The same, with what it said on stderr. */
export function outcome(command: string, args: string[], { cwd, env = process.env, limitMs = 120_000 }: How = {}): Promise<Outcome> {
  const child = spawn(command, args, { ...(cwd === undefined ? {} : { cwd }), env, stdio: ['ignore', 'pipe', 'pipe'], timeout: limitMs });
  const said = { stdout: '', stderr: '' };
  // A character may lie over two chunks.
  child.stdout.setEncoding('utf8').on('data', (data) => (said.stdout += data));
  child.stderr.setEncoding('utf8').on('data', (data) => (said.stderr += data));
  return new Promise((resolve, reject) => {
    const fail = (how: string) => reject(new Error(`${command} ${args.join(' ')} ${how}\n${said.stdout}\n${said.stderr}`));
    child.once('error', (error) => fail(error.message));
    child.once('close', (code, signal) => (code === 0 ? resolve(said) : fail(`ended with ${code ?? signal}`)));
  });
}
