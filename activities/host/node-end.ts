import type { Failure, FailureType } from '../../spec/failures.js';
import type { NodeEnd, UnreachablePair } from '../../spec/nodes.js';
import { wasOutOfMemory } from '../process/out-of-memory.js';
import { lastLines } from '../process/output.js';
import { readLaunchFailure } from '../process/start-dir.js';
import { endHelpers } from './end-helpers.js';
import type { StartRecord } from './store.js';

interface Start {
  dir: string;
  cookie: string;
  record: StartRecord;
}

export interface FailedMore {
  clean?: boolean;
  endedAtMs?: number;
  unreachable?: UnreachablePair[];
}

/** The end of a start that failed for another reason than its exit code. */
export async function failedEnd({ dir, record }: Start, { type, message }: Failure, more: FailedMore = {}): Promise<NodeEnd> {
  return {
    ...{ kind: 'failed', failure: { type, message }, unreachable: [], startNumber: record.startNumber },
    ...{ endedAtMs: Date.now(), lastLines: await lastLines(dir), clean: true, ...more },
  };
}

/** The end of a start whose program has exited, once its helpers are gone. `wasUnready` is asked then: it had a gate to pass, and has not. */
export async function exitedEnd(
  start: Start,
  exit: { code: number; endedAtMs: number },
  is: { stopped: boolean; unready(): boolean; gaveUp(): Failure | undefined },
): Promise<NodeEnd> {
  const { dir, cookie, record } = start;
  const { code, endedAtMs } = exit;
  const launchFailure = readLaunchFailure(dir);
  if (launchFailure !== undefined) {
    const type: FailureType = code === 127 ? 'CommandNotFound' : 'NodeSetupFailed';
    return failedEnd(start, { type, message: launchFailure }, { endedAtMs });
  }
  // Before its cgroup is removed, which counts.
  const outOfMemory = !is.stopped && wasOutOfMemory(dir, exit);
  const clean = await endHelpers(dir, cookie, record.program, is.stopped);
  const unready: Failure | undefined =
    code === 0 && is.unready() ? { type: 'NotReady', message: 'its program ended with code 0 before it was ready' } : undefined;
  const failure = is.gaveUp() ?? unready;
  if (failure) return failedEnd(start, failure, { clean, endedAtMs });
  const { startNumber } = record;
  return { kind: 'exited', code, outOfMemory, stopped: is.stopped, startNumber, endedAtMs, lastLines: await lastLines(dir), clean };
}
