import { execFile } from 'node:child_process';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { startFile } from './start-dir.js';

const run = promisify(execFile);

/** What a program said first is kept: the cause of what comes later often stands there. */
export const HEAD_BYTES = 2 ** 20;
const BLOCK = 4_096;
const PUNCH_LIMIT_MS = 30_000;

/** The bytes of a start's output that are gone, from `from` up to but not including `to`. */
export interface OutputCut {
  from: number;
  to: number;
}

/** What of an output of this size is to go so that the head and the newest half of the cap stay; undefined where that is nothing. */
export function decideCut(sizeBytes: number, capBytes: number): OutputCut | undefined {
  const to = Math.floor((sizeBytes - capBytes / 2) / BLOCK) * BLOCK;
  return to > HEAD_BYTES ? { from: HEAD_BYTES, to } : undefined;
}

/**
 * Frees what is in the middle of an output that takes more disk than the cap. The file keeps its length, so that no offset changes and the
 * program, which writes at its end, is not disturbed. Says what is gone before it goes. False: it could not be done.
 */
export async function boundOutput(dir: string, capBytes: number): Promise<boolean> {
  const path = startFile(dir, 'output');
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || stat.blocks * 512 <= capBytes) return true;
  const decided = decideCut(stat.size, capBytes);
  if (decided === undefined) return true;
  const before = readCut(dir);
  // A cut only grows: a file system may set more aside than was written (XFS does), and then the newest half begins within what is gone.
  const cut = { from: HEAD_BYTES, to: Math.max(decided.to, before?.to ?? 0) };
  writeCut(dir, cut);
  try {
    await run('fallocate', ['--punch-hole', '--keep-size', '--offset', String(cut.from), '--length', String(cut.to - cut.from), path], {
      timeout: PUNCH_LIMIT_MS,
    });
    return true;
  } catch (error) {
    // One that was killed may have freed a part.
    if (!(error as { signal?: string | null }).signal) writeCut(dir, before);
    return false;
  }
}

function writeCut(dir: string, cut: OutputCut | undefined): void {
  const file = startFile(dir, 'outputCut');
  if (cut === undefined) {
    rmSync(file, { force: true });
    return;
  }
  writeFileSync(`${file}.new`, JSON.stringify(cut), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** What is gone of a start's output; undefined where nothing is. */
export function readCut(dir: string): OutputCut | undefined {
  try {
    const { from, to } = JSON.parse(readFileSync(startFile(dir, 'outputCut'), 'utf8')) as Partial<OutputCut>;
    return typeof from === 'number' && typeof to === 'number' ? { from, to } : undefined;
  } catch {
    return undefined;
  }
}
