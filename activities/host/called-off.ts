import { gatheringBase } from '../../spec/ids.js';
import type { NodeEnd } from '../../spec/nodes.js';
import type { Agent } from './agent.js';
import { raiseTombstone, readTombstone } from './store.js';

/** True where the tombstone forbids this work. */
export function isBuried(agent: Agent, runId: string, work: { gathering: string; generation: number; startNumber: number }): boolean {
  const tombstone = readTombstone(agent.dataDir, runId);
  const buried = work.generation > 0 && (work.generation <= tombstone.generation || work.startNumber <= tombstone.startNumber);
  return buried || tombstone.gatherings.includes(gatheringBase(work.gathering));
}

/** Forbids work from now on. A disk that does not take it is no reason to leave processes alive: it holds as long as this agent does. */
export function bury(agent: Agent, runId: string, at: Parameters<typeof raiseTombstone>[2]): void {
  try {
    raiseTombstone(agent.dataDir, runId, at);
  } catch (error) {
    agent.log.error({ event: 'tombstone-unwritten', runId, error: String(error) }, 'a tombstone cannot be written; it holds as long as this agent lives');
  }
}

export function superseded(startNumber: number): NodeEnd {
  const failure = { type: 'Superseded' as const, message: 'the start was called off before it began' };
  return { kind: 'failed', failure, unreachable: [], startNumber, endedAtMs: Date.now(), lastLines: '', clean: true };
}
