import { closeSync, fsyncSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

let counter = 0;

/** Replaces a file atomically: a reader sees the old content or the new, never half. Not durable: for what a reboot makes void. */
export function replaceFile(path: string, text: string | Uint8Array, mode = 0o600): void {
  const draft = `${path}.${process.pid}.${counter++}`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, path);
}

/** As `replaceFile`, and on the disk when it returns. 1–2 ms. */
export function replaceFileDurably(path: string, text: string, mode = 0o600): void {
  const draft = `${path}.${process.pid}.${counter++}`;
  const fd = openSync(draft, 'w', mode);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, path);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
