import type { Failure } from '../../spec/failures.js';
import type { NodeEnd } from '../../spec/nodes.js';

/** How a node of the current generation ended, in the order the workflow saw it. */
export interface SeenEnd {
  rank: number;
  host: string;
  end: NodeEnd;
}

export type Outcome =
  | { kind: 'running' }
  | { kind: 'succeeded'; message: string }
  | { kind: 'failed'; failure: Failure; lastLines: string }
  | { kind: 'retry'; failure: Failure };

/** A broken barrier is tried again so often, free of charge. */
export const BARRIER_RETRIES = 3;

const SIGNALS: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
};

/** An exit code for people: a signal and `exit 128+n` look alike, and it says so. */
export function describeExit(code: number): string {
  const signal = SIGNALS[code - 128];
  return signal ? `ended with ${code} (${signal}, or exit ${code})` : `exited with code ${code}`;
}

/**
 * The first failure wins, in the order the workflow saw it: the root cause; the rest is collateral.
 * Only a generation whose barrier broke is tried again.
 */
export function decideOutcome(facts: {
  ends: readonly SeenEnd[];
  nodes: number;
  generation: number;
  stopCriteria: 'all-done' | 'master-done';
  barrierRetries: number;
}): Outcome {
  const { ends, nodes, generation } = facts;
  for (const { rank, host, end } of ends) {
    const others = nodes > 1 ? `; the other ${nodes - 1 === 1 ? 'node was' : `${nodes - 1} nodes were`} stopped` : '';
    const who = `Node ${rank} on ${host}`;
    if (end.kind === 'exited' && end.code !== 0) {
      const message = `${who} ${describeExit(end.code)} in generation ${generation}${others}`;
      return { kind: 'failed', failure: { type: 'CommandFailed', message }, lastLines: end.lastLines };
    }
    if (end.kind === 'failed') {
      const left = BARRIER_RETRIES - facts.barrierRetries;
      if (end.failure.type === 'BarrierBroken' && left > 0) return { kind: 'retry', failure: end.failure };
      const message = `${who} failed in generation ${generation}: ${end.failure.message}${others}`;
      return { kind: 'failed', failure: { type: end.failure.type, message }, lastLines: end.lastLines };
    }
    if (rank === 0 && facts.stopCriteria === 'master-done') {
      return { kind: 'succeeded', message: `Node 0 on ${host} is done; the others were stopped` };
    }
  }
  if (ends.length < nodes) return { kind: 'running' };
  return { kind: 'succeeded', message: nodes === 1 ? 'The node exited with code 0' : `All ${nodes} nodes exited with code 0` };
}
