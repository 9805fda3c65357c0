import { chmodSync, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import * as tar from 'tar-stream';
import { insidePath } from '../../../spec/task/files.js';

/** No archive that a client makes grows beyond this. */
const LARGEST_UNPACKED_BYTES = 2 * 2 ** 30;

/**
 * Unpacks a gzipped tar archive at a path within `root`, with its modes. Only files, directories and links that stay inside that path; nothing
 * below `root` is ever written through a link. What is there already under a file's name is replaced. Throws with a sentence that names the entry.
 */
export async function unpack(data: Buffer, root: string, at: string): Promise<void> {
  const into = join(root, at);
  const extract = tar.extract();
  Readable.from([gunzipSync(data, { maxOutputLength: LARGEST_UNPACKED_BYTES })]).pipe(extract);
  const modes: [string, number][] = [];
  makeDir(root, at);
  for await (const entry of extract) {
    const { name, type, linkname, mode = 0o644 } = entry.header;
    const path = insidePath(name);
    if (path === undefined || path === '.') throw new Error(`the archive has an entry ${JSON.stringify(name.slice(0, 100))} that leads out of its directory`);
    const target = join(into, path);
    if (type === 'directory') {
      makeDir(root, join(at, path));
      modes.push([target, mode]);
      entry.resume();
      continue;
    }
    makeDir(root, join(at, dirname(path)));
    if (type === 'symlink') {
      const leads = relative(into, resolve(dirname(target), linkname ?? ''));
      if (!linkname || linkname.startsWith('/') || leads === '..' || leads.startsWith(`..${sep}`)) {
        throw new Error(`the archive has a link ${JSON.stringify(path)} that leads out of its directory`);
      }
      rmSync(target, { force: true });
      symlinkSync(linkname, target);
      entry.resume();
    } else if (type === 'file') {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      rmSync(target, { force: true });
      writeFileSync(target, Buffer.concat(chunks), { flag: 'wx', mode: 0o600 });
      chmodSync(target, mode & 0o777);
    } else throw new Error(`the archive has an entry ${JSON.stringify(path)} that is neither a file nor a directory nor a link`);
  }
  // Last and from within, since a directory may forbid to write into it.
  for (const [path, mode] of modes.reverse()) chmodSync(path, (mode & 0o777) | 0o700);
}

/** Makes the directories of a path, none of which may be a link. */
function makeDir(root: string, path: string): void {
  mkdirSync(root, { recursive: true });
  const steps = path.split('/').filter((step) => step !== '.' && step !== '');
  for (let i = 1; i <= steps.length; i++) {
    const dir = join(root, ...steps.slice(0, i));
    const stat = lstatSync(dir, { throwIfNoEntry: false });
    if (stat === undefined) mkdirSync(dir, { mode: 0o755 });
    else if (!stat.isDirectory()) throw new Error(`${dir} is in the way of the task's files: it is ${stat.isSymbolicLink() ? 'a link' : 'no directory'}`);
  }
}
