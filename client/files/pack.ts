import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import * as tar from 'tar-stream';
import type { FileWish } from '../../spec/task/files.js';
import { CannotPack, type Found, walk } from './walk.js';

/** The most that one entry of `files`, or the changes of a repository, may have when packed. */
export const DEFAULT_LIMIT_BYTES = 2 * 2 ** 20;
const LARGEST_SHOWN = 3;
// A file's bytes are read at once; a packed size far above the limit need not be made to be refused.
const UNPACKED_FACTOR = 50;

/**
 * One entry of `files` as a gzipped tar archive: the same files give the same bytes, since order, owners and times are left out; modes are kept.
 * `baseDir` is where a relative path begins. Throws `CannotPack` with a sentence.
 */
export async function packFiles({ local, path }: FileWish, baseDir: string, limitBytes: number): Promise<{ path: string; data: Buffer }> {
  const source = localPath(local, baseDir);
  const stat = statSync(source, { throwIfNoEntry: false });
  if (stat === undefined) throw new CannotPack(`there is no ${source}`);
  if (!stat.isDirectory() && !stat.isFile()) throw new CannotPack(`${source} is neither a file nor a directory`);
  try {
    // A file goes where its name says, a directory's contents into the directory.
    const name = path.split('/').at(-1) ?? '';
    const found: Found[] = stat.isDirectory() ? walk(source) : [{ path: name, mode: stat.mode & 0o777, kind: 'file', size: stat.size }];
    const sizes = found.flatMap((each) => (each.kind === 'file' ? [{ path: each.path, size: each.size }] : []));
    const total = sizes.reduce((sum, { size }) => sum + size, 0);
    if (total > limitBytes * UNPACKED_FACTOR) throw tooLarge(source, total, limitBytes, sizes);
    const data = await archive(found, (each) => readFileSync(stat.isDirectory() ? join(source, each) : source));
    if (data.length > limitBytes) throw tooLarge(source, data.length, limitBytes, sizes);
    const into = stat.isDirectory() ? path : path.split('/').slice(0, -1).join('/') || '.';
    return { path: into, data };
  } catch (error) {
    if (error instanceof CannotPack) throw error;
    throw new CannotPack(`${source} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** A path as people write it, `~` included, from a directory. */
export function localPath(local: string, baseDir: string): string {
  return resolve(baseDir, local === '~' ? homedir() : local.startsWith('~/') ? join(homedir(), local.slice(2)) : local);
}

/** `MUSTER_FILES_LIMIT`, as `20MB`, in bytes. */
export function filesLimit(setting: string | undefined): number {
  if (setting === undefined || setting === '') return DEFAULT_LIMIT_BYTES;
  const match = /^(\d{1,6}(?:\.\d{1,3})?) ?(KB|MB|GB)?$/i.exec(setting.trim());
  if (match === null) throw new CannotPack(`expected a size such as \`20MB\` in MUSTER_FILES_LIMIT, got ${JSON.stringify(setting.slice(0, 40))}`);
  const unit = { KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }[(match[2] ?? 'MB').toUpperCase() as 'KB' | 'MB' | 'GB'];
  return Math.floor(Number(match[1]) * unit);
}

async function archive(found: readonly Found[], read: (path: string) => Buffer): Promise<Buffer> {
  const pack = tar.pack();
  const chunks: Buffer[] = [];
  const done = new Promise<void>((resolveDone, reject) => {
    pack.on('data', (chunk) => void chunks.push(chunk as Buffer));
    pack.on('end', resolveDone);
    pack.on('error', reject);
  });
  for (const each of found) {
    const header = { name: each.path, mode: each.mode, mtime: new Date(0), uid: 0, gid: 0 };
    if (each.kind === 'file') pack.entry({ ...header, type: 'file' }, read(each.path));
    else if (each.kind === 'link') pack.entry({ ...header, type: 'symlink', linkname: each.target });
    else pack.entry({ ...header, type: 'directory' });
  }
  pack.finalize();
  await done;
  return gzipSync(Buffer.concat(chunks));
}

function tooLarge(source: string, bytes: number, limitBytes: number, sizes: readonly { path: string; size: number }[]): CannotPack {
  const largest = [...sizes].sort((a, b) => b.size - a.size).slice(0, LARGEST_SHOWN);
  const named = largest.map(({ path, size }) => `${path} (${inMegabytes(size)})`).join(', ');
  return new CannotPack(
    `${source} has ${inMegabytes(bytes)}, and at most ${inMegabytes(limitBytes)} are sent; the largest are ${named}: leave files out with .dstackignore, or raise MUSTER_FILES_LIMIT`,
  );
}

function inMegabytes(bytes: number): string {
  return bytes < 2 ** 20 / 10 ? `${Math.ceil(bytes / 2 ** 10)} KB` : `${(bytes / 2 ** 20).toFixed(1)} MB`;
}
