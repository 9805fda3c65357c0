import { isAbsolute, join } from 'node:path';
import type { Program } from '../../spec/nodes.js';
import { runDir } from './store.js';

/** Where a run's programs work on this host: one directory for all its generations. */
export function workingDir(dataDir: string, runId: string, { workingDir: wanted }: Program): string {
  const own = join(runDir(dataDir, runId), 'work');
  if (wanted === null) return own;
  return isAbsolute(wanted) ? wanted : join(own, wanted);
}
