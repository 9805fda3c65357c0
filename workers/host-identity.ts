import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFileDurably } from '../activities/host/replace-file.js';

/** A data directory that cannot be used; the message names it and the mend. */
export class DataDirUnusable extends Error {}

/** A data directory of which this process is the only user. */
export interface DataDir {
  path: string;
  host: string;
  identity: string;
  /** Makes the directory this host's for good, where it is nobody's yet. Throws `DataDirUnusable`. */
  keep(): void;
  unlock(): void;
}

/**
 * Takes the data directory for this process alone, by flock(1): the kernel lets go of it when we die, however that happens.
 * Its first agent gives it a name and a random identity, which stay once it calls `keep`: one that is refused leaves the directory to another. Throws `DataDirUnusable`.
 */
export async function openDataDir(path: string, host: string): Promise<DataDir> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new DataDirUnusable(`The data directory ${path} cannot be made (${text(error)}); give another with --data`);
  }
  const lock = await takeLock(path);
  try {
    const known = readIdentity(path);
    if (known && known.host !== host) {
      throw new DataDirUnusable(`The data directory ${path} belongs to host ${known.host}, not ${host}; give each host its own with --data`);
    }
    const identity = known?.identity ?? randomUUID();
    accessSync(path, constants.W_OK);
    const keep = () => {
      if (!known) writeIdentity(path, { host, identity });
    };
    return { path, host, identity, keep, unlock: () => void lock.stdin?.end() };
  } catch (error) {
    lock.stdin?.end();
    if (error instanceof DataDirUnusable) throw error;
    throw new DataDirUnusable(`The data directory ${path} cannot be written (${text(error)})`);
  }
}

function writeIdentity(path: string, known: { host: string; identity: string }): void {
  try {
    replaceFileDurably(join(path, 'host.json'), JSON.stringify(known));
  } catch (error) {
    throw new DataDirUnusable(`The data directory ${path} cannot be written (${text(error)})`);
  }
}

function readIdentity(path: string): { host: string; identity: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(path, 'host.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** The predecessor's lock goes a moment after the predecessor: hence the wait of 3 s. */
function takeLock(path: string): Promise<ChildProcess> {
  const args = ['--wait', '3', '--conflict-exit-code', '9', join(path, 'lock'), 'sh', '-c', 'echo held; cat >/dev/null'];
  const child = spawn('flock', args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  return new Promise((resolve, reject) => {
    child.stdout?.once('data', () => {
      child.unref();
      for (const stream of [child.stdin, child.stdout]) (stream as unknown as { unref?(): void })?.unref?.();
      resolve(child);
    });
    child.once('exit', (code) => {
      const held = `The data directory ${path} is in use by another live agent`;
      reject(new DataDirUnusable(code === 9 ? held : `The data directory ${path} cannot be locked (flock ended with ${code})`));
    });
    child.once('error', (error) => reject(new DataDirUnusable(`flock(1) is needed and cannot be run: ${error.message}`)));
  });
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
