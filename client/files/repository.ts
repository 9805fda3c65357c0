import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { RepoWish } from '../../spec/task/repos.js';
import { localPath } from './pack.js';
import { CannotPack } from './walk.js';

const run = promisify(execFile);
const GIT_LIMIT_MS = 60_000;

/** Where hosts clone from, and what they put on top: a binary patch; null where nothing was changed. */
export interface Difference {
  url: string;
  commit: string;
  changes: Buffer | null;
}

/**
 * What a local clone has over the newest commit of it that a remote branch has: unpushed commits, changes, and new files that are not
 * ignored. The clone and its index stay as they are. Throws `CannotPack`.
 */
export async function readClone({ local }: RepoWish, baseDir: string, limitBytes: number): Promise<Difference> {
  const dir = localPath(local ?? '.', baseDir);
  const top = (await git(dir, ['rev-parse', '--show-toplevel']).catch((error: unknown) => Promise.reject(notAClone(dir, error)))).trim();
  const remote = (await git(top, ['remote'])).split('\n')[0] ?? '';
  if (remote === '') throw new CannotPack(`the clone ${top} has no remote from which hosts could clone it; use \`files\` instead`);
  const url = (await git(top, ['remote', 'get-url', remote])).trim();
  const commit = await newestPushed(top, remote);
  const changes = await difference(top, commit, limitBytes);
  return { url: /^(?:[a-z]+:\/\/|[^/]+@[^/]+:)/.test(url) ? url : `file://${resolve(top, url)}`, commit, changes };
}

/** The first ancestor of HEAD, itself included, that is on a branch of the remote. */
async function newestPushed(top: string, remote: string): Promise<string> {
  const ancestors = (await git(top, ['rev-list', '--topo-order', '--max-count=1000', 'HEAD'])).trim().split('\n');
  const unpushed = new Set((await git(top, ['rev-list', '--max-count=1000', 'HEAD', '--not', `--remotes=${remote}`])).trim().split('\n'));
  const pushed = ancestors.find((commit) => !unpushed.has(commit));
  if (pushed === undefined) throw new CannotPack(`no commit of ${top} is on a branch of ${remote}; push first, or fetch what was pushed`);
  return pushed;
}

async function difference(top: string, commit: string, limitBytes: number): Promise<Buffer | null> {
  const scratch = mkdtempSync(join(tmpdir(), 'muster-index-'));
  try {
    const index = join(scratch, 'index');
    const own = resolve(top, (await git(top, ['rev-parse', '--git-path', 'index'])).trim());
    if (existsSync(own)) copyIndex(own, index);
    const env = { ...process.env, GIT_INDEX_FILE: index };
    await git(top, ['add', '--all'], env);
    const { stdout } = await run('git', ['-C', top, 'diff', '--cached', '--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-color', commit], {
      ...{ env, encoding: 'buffer', timeout: GIT_LIMIT_MS, maxBuffer: limitBytes + 1 },
    }).catch((error: unknown) => {
      const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER';
      throw tooLarge
        ? new CannotPack(`the changes in ${top} have more than ${limitBytes} bytes; push them, leave files out with .gitignore, or raise MUSTER_FILES_LIMIT`)
        : error;
    });
    return stdout.length === 0 ? null : stdout;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** With its time: a file that was changed right after the index was written, and has its old size, git looks into only where the index is no younger. */
function copyIndex(from: string, to: string): void {
  copyFileSync(from, to);
  const { atimeMs, mtimeMs } = statSync(from);
  utimesSync(to, Math.floor(atimeMs) / 1000, Math.floor(mtimeMs) / 1000);
}

async function git(dir: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  try {
    return (await run('git', ['-C', dir, ...args], { env, timeout: GIT_LIMIT_MS, maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    const { code, stderr = '' } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw new CannotPack('`repos` needs git, and there is none on this machine');
    throw new CannotPack(`git ${args[0]} failed in ${dir}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  }
}

function notAClone(dir: string, error: unknown): CannotPack {
  return /none on this machine/.test(String(error)) ? (error as CannotPack) : new CannotPack(`${dir} is not in a clone of a git repository`);
}
