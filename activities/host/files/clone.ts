import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import type { Repo } from '../../../spec/task/repos.js';

/** How git is asked: without a question to anybody, in a bounded time. */
export interface GitTerms {
  baseEnv: Readonly<Record<string, string>>;
  limitMs: number;
}

/**
 * Clones a repository into a directory, at its commit or its branch, and puts the changes on top. `skip` leaves a directory that holds something
 * as it is. Throws with a sentence, git's last words included.
 */
export async function clone(repo: Repo, changes: Buffer | null, into: string, terms: GitTerms): Promise<void> {
  if (existsSync(into) && readdirSync(into).length > 0) {
    if (repo.ifExists === 'skip') return;
    throw new Error(`${into} is not empty, so the repository cannot be cloned there; give another \`path\`, or \`if_exists: skip\``);
  }
  mkdirSync(into, { recursive: true });
  const untilMs = Date.now() + terms.limitMs;
  const git = (args: string[], input?: Buffer) => runGit(into, args, { baseEnv: terms.baseEnv, limitMs: Math.max(1, untilMs - Date.now()) }, input);
  await git(['init', '--quiet']);
  await git(['remote', 'add', 'origin', repo.url]);
  const wanted = repo.commit ?? repo.branch ?? 'HEAD';
  // Not every server hands out a commit by its hash alone.
  await git(['fetch', '--quiet', '--depth', '1', 'origin', wanted]).catch(() =>
    git(['fetch', '--quiet', '--tags', 'origin', '+refs/heads/*:refs/remotes/origin/*']),
  );
  const at = repo.commit ?? 'FETCH_HEAD';
  await git(repo.branch === null ? ['checkout', '--quiet', '--detach', at] : ['checkout', '--quiet', '-B', repo.branch, at]);
  if (changes) await git(['apply', '--binary', '--whitespace=nowarn', '-'], changes);
}

function runGit(dir: string, args: string[], { baseEnv, limitMs }: GitTerms, input?: Buffer): Promise<void> {
  const env = { ...baseEnv, GIT_TERMINAL_PROMPT: '0', GIT_SSH_COMMAND: baseEnv['GIT_SSH_COMMAND'] ?? 'ssh -o BatchMode=yes' };
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['-C', dir, ...args], { env, stdio: ['pipe', 'ignore', 'pipe'], timeout: limitMs, killSignal: 'SIGKILL' });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk).slice(-1_000);
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(error.code === 'ENOENT' ? 'there is no git on this host, and `repos` needs it' : error.message)),
    );
    child.once('close', (code, signal) => {
      if (code === 0) return resolve();
      const why = signal ? `took longer than ${Math.round(limitMs / 1000)} s` : said.trim().split('\n').at(-1);
      reject(new Error(`git ${args[0]} failed: ${why}`));
    });
  });
}
