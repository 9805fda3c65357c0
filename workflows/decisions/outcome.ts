import { describeExit } from '../../spec/exit-codes.js';
import type { Failure } from '../../spec/failures.js';
import type { NodeEnd } from '../../spec/nodes.js';
import type { RestartDecision } from './restart.js';

/** How a node of the current generation ended, in the order the workflow saw it. */
export interface SeenEnd {
  rank: number;
  group: string;
  host: string;
  end: NodeEnd;
  /** What was decided about it; null as long as nobody has looked. */
  verdict: Verdict | null;
}

/**
 * `retry`: a broken barrier, or what a former life of the run has ended, is tried again, free of charge. `again`: the node starts again, alone. `restart`: all do. `leave`: the others go on
 * without it. */
export type Verdict =
  | { do: 'done' }
  | { do: 'again' | 'restart'; delayMs: number; failure: Failure; message: string }
  | { do: 'retry'; failure: Failure }
  | { do: 'leave'; failure: Failure; message: string }
  | { do: 'fail'; failure: Failure };

export type Outcome =
  | { kind: 'running' }
  | { kind: 'succeeded'; message: string }
  | { kind: 'failed'; failure: Failure; lastLines: string }
  | { kind: 'restart'; delayMs: number; failure: Failure; message: string }
  | { kind: 'retry'; failure: Failure };

/** What is nobody's fault is tried again so often, free of charge. */
export const BARRIER_RETRIES = 3;

/** Was it ended by somebody else than this run as it stands? A run that was reset does not know what it asked for in its former life. */
export function wasSuperseded(end: NodeEnd): boolean {
  return end.kind === 'exited' ? end.stopped : end.failure.type === 'Superseded' || end.failure.type === 'Stopped';
}

/** Who and what, in which generation: the first half of every sentence about a node's end. */
export function describeEnd({ rank, host, end }: Pick<SeenEnd, 'rank' | 'host' | 'end'>, generation: number): string {
  if (wasSuperseded(end)) {
    return `Node ${rank} on ${host} was ended in generation ${generation}, though not by this run as it stands: it was reset, or its host was told that it is over`;
  }
  if (end.kind === 'exited') {
    const why = end.outOfMemory ? ': memory was out, and the kernel killed a process of it' : '';
    return `Node ${rank} on ${host} ${describeExit(end.code)} in generation ${generation}${why}`;
  }
  return `Node ${rank} on ${host} failed in generation ${generation}: ${end.failure.message}`;
}

/** What went wrong, where the end is not a good one. */
export function failureOfEnd(seen: Pick<SeenEnd, 'rank' | 'host' | 'end'>, generation: number): Failure {
  const { end } = seen;
  if (wasSuperseded(end)) return { type: 'Superseded', message: describeEnd(seen, generation) };
  if (end.kind === 'failed') return end.failure;
  return { type: end.outOfMemory ? 'OutOfMemory' : 'CommandFailed', message: describeEnd(seen, generation) };
}

/** What is decided about a node's end, with the whole sentence for people. */
export function decideVerdict(
  seen: Pick<SeenEnd, 'rank' | 'host' | 'end'>,
  facts: { generation: number; nodes: number; retry: boolean; closed: string | null; restart: RestartDecision; leaves: boolean },
): Verdict {
  const { end } = seen;
  const { generation, nodes, retry, closed, restart } = facts;
  if (end.kind === 'exited' && end.code === 0 && !end.stopped) return { do: 'done' };
  const what = describeEnd(seen, generation);
  const failure = failureOfEnd(seen, generation);
  if (retry) return { do: 'retry', failure: closed === null ? failure : { type: failure.type, message: closed } };
  if (closed !== null) return { do: 'fail', failure: { type: failure.type, message: closed } };
  const others = nodes > 1 ? `; the other ${nodes - 1 === 1 ? 'node was' : `${nodes - 1} nodes were`} stopped` : '';
  if (restart.do === 'ignore') return { do: 'done' };
  if (restart.do === 'fail') {
    const why = restart.exhausted ? `, and ${restart.why}` : '';
    return { do: 'fail', failure: { type: restart.exhausted ? 'RestartsExhausted' : failure.type, message: `${what}${why}${others}` } };
  }
  if (facts.leaves) return { do: 'leave', failure, message: `${what}; the others go on without it, ${restart.why}` };
  const when = restart.delayMs > 0 ? ` in ${Math.round(restart.delayMs / 100) / 10} s` : '';
  const who = restart.scope === 'node' ? `it starts again${when}` : nodes === 1 ? `it starts again${when}` : `all nodes start again${when}`;
  return { do: restart.scope === 'node' ? 'again' : 'restart', delayMs: restart.delayMs, failure, message: `${what}; ${who}, ${restart.why}` };
}

/**
 * How a generation stands, by the verdicts on its ends. The first failure wins, in the order the workflow saw it: the root cause; the rest is
 * collateral.
 */
export function decideOutcome(facts: { ends: readonly SeenEnd[]; nodes: number; stopCriteria: 'all-done' | 'master-done' }): Outcome {
  const { ends, nodes } = facts;
  for (const { rank, host, end, verdict } of ends) {
    if (verdict === null) return { kind: 'running' };
    if (verdict.do === 'fail') return { kind: 'failed', failure: verdict.failure, lastLines: end.lastLines };
    if (verdict.do === 'retry') return { kind: 'retry', failure: verdict.failure };
    if (verdict.do === 'restart') return { kind: 'restart', delayMs: verdict.delayMs, failure: verdict.failure, message: verdict.message };
    if (verdict.do === 'done' && rank === 0 && facts.stopCriteria === 'master-done') {
      return { kind: 'succeeded', message: `Node 0 on ${host} is done; the others were stopped` };
    }
  }
  if (ends.filter(({ verdict }) => verdict?.do !== 'leave').length < nodes) return { kind: 'running' };
  const failed = ends.filter(({ end }) => end.kind === 'failed' || end.code !== 0);
  const ignored = failed.map(({ rank, end }) => `${rank} (${end.kind === 'exited' ? describeExit(end.code) : end.failure.type})`);
  if (ignored.length > 0) return { kind: 'succeeded', message: `All ${nodes} nodes are done; failures that a rule ignores: node ${ignored.join(', ')}` };
  return { kind: 'succeeded', message: nodes === 1 ? 'The node exited with code 0' : `All ${nodes} nodes exited with code 0` };
}
