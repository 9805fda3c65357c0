import { statfs } from 'node:fs/promises';
import type { MachineState } from '../../spec/activities.js';

/** How this machine is just now. Never rejects. */
export async function readMachine(dataDir: string): Promise<MachineState> {
  const disk = await readDisk(dataDir).catch(() => null);
  return { node: process.versions.node, disk, clockMs: Date.now() };
}

/** What there is for a user without privileges: the rest is root's. */
async function readDisk(path: string): Promise<MachineState['disk']> {
  const { bsize, blocks, bavail, files, ffree } = await statfs(path);
  return { path, freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeFiles: ffree, totalFiles: files };
}
