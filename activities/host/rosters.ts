import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rosterDigest } from '../../spec/roster.js';
import { replaceFile } from './replace-file.js';
import { runDir } from './store.js';

/** Keeps the bytes of the newest sealed roster of a run, for nodes that start again in its generation. */
export function keepRoster(dataDir: string, runId: string, bytes: string): void {
  mkdirSync(runDir(dataDir, runId), { recursive: true, mode: 0o700 });
  replaceFile(join(runDir(dataDir, runId), 'roster.sealed'), bytes);
}

/** The bytes that are kept, which must have this digest where one is given; undefined where they are not, or no longer, here. */
export function readRoster(dataDir: string, runId: string, digest?: string): string | undefined {
  try {
    const bytes = readFileSync(join(runDir(dataDir, runId), 'roster.sealed'), 'utf8');
    return digest === undefined || rosterDigest(bytes) === digest ? bytes : undefined;
  } catch {
    return undefined;
  }
}
