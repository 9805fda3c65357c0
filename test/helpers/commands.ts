import { spawn } from 'node:child_process';

/** Runs a command to its end, at most two minutes if not told otherwise; its stdout. Rejects with all that it said. */
export function succeeds(
  command: string,
  args: string[],
  { cwd, env = process.env, limitMs = 120_000 }: { cwd?: string; env?: NodeJS.ProcessEnv; limitMs?: number } = {},
): Promise<string> {
  const child = spawn(command, args, { ...(cwd === undefined ? {} : { cwd }), env, stdio: ['ignore', 'pipe', 'pipe'], timeout: limitMs });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => (said.stdout += data));
  child.stderr.on('data', (data) => (said.stderr += data));
  return new Promise((resolve, reject) => {
    const fail = (how: string) => reject(new Error(`${command} ${args.join(' ')} ${how}\n${said.stdout}\n${said.stderr}`));
    child.once('error', (error) => fail(error.message));
    child.once('close', (code, signal) => (code === 0 ? resolve(said.stdout) : fail(`ended with ${code ?? signal}`)));
  });
}
