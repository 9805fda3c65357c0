/** Which ways between nodes are proven before anything starts; each node proves its way to rank 0 in any case. */
export const PREFLIGHTS = ['all', 'ring', 'master', 'off'] as const;
export type Preflight = (typeof PREFLIGHTS)[number];

/** Up to so many nodes all ways are proven where the task does not say. */
const MOST_FOR_ALL = 16;

export function preflightFor(wanted: Preflight | null, nodes: number): Preflight {
  return wanted ?? (nodes <= MOST_FOR_ALL ? 'all' : 'ring');
}
