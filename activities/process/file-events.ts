import { watch } from 'node:fs';

/** Calls back when the file changes, is moved or removed; what it calls back for nothing is harmless. */
export type FileEvents = (path: string, onEvent: () => void, onBroken: () => void) => { close(): void };

/**
 * The kernel's events (inotify) of one file. Throws when the file is missing (ENOENT) and when the kernel has no watches left
 * (ENOSPC, EMFILE); then the caller polls. `onBroken`: no more events will come.
 */
export const kernelEvents: FileEvents = (path, onEvent, onBroken) => {
  const watcher = watch(path, { persistent: true }, onEvent);
  watcher.on('error', () => {
    watcher.close();
    onBroken();
  });
  return watcher;
};
