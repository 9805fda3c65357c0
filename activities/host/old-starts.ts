import { rmSync } from 'node:fs';
import { listStarts, startDir } from './store.js';

/** How many of the newest starts of a run are kept on a host, with their output; the first is, too: what went wrong first may be in it. */
const KEPT_STARTS = 20;

/** Removes what is left of a run's old starts, so that one that starts again and again does not fill the disk. `isLive`: has it not ended? */
export function removeOldStarts(dataDir: string, runId: string, isLive: (startNumber: number) => boolean): void {
  for (const number of listStarts(dataDir, runId).slice(1, -KEPT_STARTS))
    if (!isLive(number)) rmSync(startDir(dataDir, runId, number), { recursive: true, force: true });
}
