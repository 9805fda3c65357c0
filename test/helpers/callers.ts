import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findInPath } from '../../activities/host/find-in-path.js';
import { succeeds } from './commands.js';
import { exampleDir, virtualEnvironment } from './python.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The SDK for Go is compiled at the first time, and kept by Go. */
const COMPILE_MS = 600_000;

/** An example worker of a language, ready to be started; `missing`: why it cannot be, on this machine. */
export type Caller = { command: string; args: string[]; cwd: string } | { missing: string };

/** Makes the example's worker, in a directory that is thrown away. */
export async function makeCaller(language: string, dir: string): Promise<Caller> {
  const example = `from-your-workflow/${language}`;
  const cwd = join(dir, language);
  cpSync(exampleDir(example), cwd, { recursive: true });
  if (language === 'typescript') return makeTypeScript(cwd);
  const tool = language === 'go' ? 'go' : 'python3';
  if (!findInPath(tool, process.env['PATH'])) return { missing: `${tool} is not installed` };
  try {
    return language === 'go' ? await makeGo(cwd) : { command: join(await virtualEnvironment(example), 'bin/python'), args: ['worker.py'], cwd };
  } catch (error) {
    return { missing: `what the example needs cannot be installed: ${error instanceof Error ? error.message : error}` };
  }
}

export interface CallerWorker {
  /** Ends the worker and waits until it is gone. Says what it said where it had ended by itself. */
  end(): Promise<void>;
}

export function startCaller({ command, args, cwd }: Exclude<Caller, { missing: string }>, address: string): CallerWorker {
  const child = spawn(command, args, { cwd, env: { ...process.env, TEMPORAL_ADDRESS: address }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (data) => (said += data));
  const gone = new Promise((resolve) => child.once('close', resolve));
  return {
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) process.stderr.write(`The worker ended by itself:\n${said}\n`);
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** As after `npm install`: what it depends on is this repository's, and this repository itself. */
async function makeTypeScript(cwd: string): Promise<Caller> {
  mkdirSync(join(cwd, 'node_modules'));
  for (const name of ['@temporalio', '@types', 'typescript']) symlinkSync(join(ROOT, 'node_modules', name), join(cwd, 'node_modules', name));
  symlinkSync(ROOT, join(cwd, 'node_modules', 'muster'));
  await succeeds(process.execPath, ['node_modules/typescript/bin/tsc'], { cwd });
  return { command: process.execPath, args: ['built/worker.js'], cwd };
}

/** Go keeps what it has compiled; the one program that it links lies with what else tests keep. */
async function makeGo(cwd: string): Promise<Caller> {
  const program = join(tmpdir(), 'muster-test-from-your-workflow-go');
  await succeeds('go', ['build', '-o', program, '.'], { cwd, limitMs: COMPILE_MS });
  return { command: program, args: [], cwd };
}
