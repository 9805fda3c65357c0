import { gatheringBase } from '../../spec/ids.js';
import type { NodeEnd } from '../../spec/nodes.js';
import type { Agent } from './agent.js';
import { readTombstone } from './store.js';

/** True where the tombstone forbids this work. */
export function isBuried(agent: Agent, runId: string, work: { gathering: string; generation: number; startNumber: number }): boolean {
  const tombstone = readTombstone(agent.dataDir, runId);
  const buried = work.generation > 0 && (work.generation <= tombstone.generation || work.startNumber <= tombstone.startNumber);
  return buried || tombstone.gatherings.includes(gatheringBase(work.gathering));
}

export function superseded(startNumber: number): NodeEnd {
  const failure = { type: 'Superseded' as const, message: 'the start was called off before it began' };
  return { kind: 'failed', failure, startNumber, endedAtMs: Date.now(), lastLines: '', clean: true };
}
