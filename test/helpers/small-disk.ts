import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own, in memory. */
export interface SmallDisk {
  path: string;
  /** Leaves no byte free. */
  fill(): void;
  /** Takes back what `fill` took. */
  free(): void;
  /** All that uses it must have ended. */
  remove(): void;
}

/** Whether `smallDisk` works here: it takes root, and in a container the right to mount. */
export const smallDisksWork = tryOne();

export function smallDisk(kib = 256): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'muster-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', path], { stdio: 'ignore' });
  } catch (error) {
    rmdirSync(path);
    throw error;
  }
  const remove = () => {
    execFileSync('umount', [path], { stdio: 'pipe' });
    rmdirSync(path);
  };
  const filler = join(path, 'filler');
  return { path, fill: () => fill(filler), free: () => rmSync(filler, { force: true }), remove };
}

function fill(file: string): void {
  const fd = openSync(file, 'a');
  try {
    for (;;) writeSync(fd, Buffer.alloc(1024));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(fd);
  }
}

function tryOne(): boolean {
  try {
    smallDisk().remove();
    return true;
  } catch {
    return false;
  }
}
