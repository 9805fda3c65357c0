import type { UnreachablePair } from '../../spec/nodes.js';
import type { RosterNode } from '../../spec/roster.js';
import type { Preflight } from '../../spec/task/preflight.js';

const MOST_NAMED = 8;

/**
 * Which ways between nodes are closed, in which direction, and how: `host-2 (10.0.0.2) → host-4 (10.0.0.4) timed out; host-4 → host-2 ok`. That the
 * other direction is open is said only where it was proven.
 */
export function describeClosedWays(pairs: readonly UnreachablePair[], nodes: readonly Pick<RosterNode, 'host' | 'address'>[], mode: Preflight): string {
  const isClosed = (from: number, to: number) => pairs.some((pair) => pair.from === from && pair.to === to);
  const at = (rank: number) => `${nodes[rank]?.host ?? `rank ${rank}`} (${nodes[rank]?.address ?? 'unknown'})`;
  const named = (rank: number) => nodes[rank]?.host ?? `rank ${rank}`;
  const words = pairs.slice(0, MOST_NAMED).map(({ from, to, why }) => {
    // Rank 0 is reached by all who join; in `all` everybody tries everybody else.
    const backProven = mode === 'all' || from === 0 || to === 0;
    const back = backProven && !isClosed(to, from) ? `; ${named(to)} → ${named(from)} ok` : '';
    return `${at(from)} → ${at(to)} ${why}${back}`;
  });
  const more = pairs.length > MOST_NAMED ? ` and ${pairs.length - MOST_NAMED} more` : '';
  return `Nodes cannot reach each other, so that nothing was started: ${words.join('; ')}${more}`;
}
