/**
 * How many nodes a run is to have, at least one in each group: in all, for a task without groups; or in each group that is named, and the
 * others stay as they are. The input of the update `rescale`.
 */
export type ResizeWish = { nodes: number; groups?: never } | { groups: Record<string, number>; nodes?: never };

/** `5 nodes`; `workers: 5, head: 1`. */
export function describeWish({ nodes, groups }: ResizeWish): string {
  if (groups === undefined) return `${nodes} node${nodes === 1 ? '' : 's'}`;
  return Object.entries(groups)
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ');
}
