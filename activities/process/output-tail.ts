import { open } from 'node:fs/promises';
import { isNodeError } from './node-error.js';
import { readCut } from './output-cap.js';
import { startFile } from './start-dir.js';

const BLOCK = 65_536;
const NEWLINE = 10;

/**
 * Where the last `lines` lines of this part of a start's output begin, and how many there are. One that is not ended counts. Reads backwards, and over what is gone; never holds up the
 * event loop.
 */
export async function findTail(dir: string, lines: number, from: number, to: number): Promise<{ offset: number; lines: number }> {
  if (lines <= 0 || to <= from) return { offset: to, lines: 0 };
  const file = await open(startFile(dir, 'output'), 'r').catch((error: unknown) => {
    if (isNodeError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  });
  if (file === undefined) return { offset: to, lines: 0 };
  try {
    const cut = readCut(dir);
    const block = Buffer.allocUnsafe(BLOCK);
    let found = 0;
    for (let end = to; end > from; ) {
      if (cut !== undefined && end > cut.from && end <= cut.to) {
        end = cut.from;
        // Whatever was there, a line begins after it.
        found++;
        if (found === lines) return { offset: cut.to, lines };
        continue;
      }
      const begin = Math.max(from, end - BLOCK, cut !== undefined && end > cut.to ? cut.to : 0);
      const { bytesRead } = await file.read(block, 0, end - begin, begin);
      for (let at = bytesRead - 1; at >= 0; at--) {
        if (block[at] !== NEWLINE || begin + at === to - 1) continue;
        found++;
        if (found === lines) return { offset: begin + at + 1, lines };
      }
      end = begin;
    }
    return { offset: from, lines: found + 1 };
  } finally {
    await file.close();
  }
}
