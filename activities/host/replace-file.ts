import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

let counter = 0;

/**
 * Replaces a file atomically: a reader sees the old content or the new, never half. Not durable: for what a reboot makes void. When it throws, as on a
 * full disk, the old content stands and nothing else is left.
 */
export function replaceFile(path: string, text: string | Uint8Array, mode = 0o600): void {
  replaceBy(path, (draft) => writeFileSync(draft, text, { mode }));
}

/** As `replaceFile`, and on the disk when it returns. 1–2 ms. */
export function replaceFileDurably(path: string, text: string, mode = 0o600): void {
  replaceBy(path, (draft) => {
    const fd = openSync(draft, 'w', mode);
    try {
      // Not writeSync: on a disk that is almost full that writes a part and says nothing.
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function replaceBy(path: string, write: (draft: string) => void): void {
  const draft = `${path}.${process.pid}.${counter++}`;
  try {
    write(draft);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
