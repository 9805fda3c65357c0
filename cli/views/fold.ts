/**
 * Which of these fit: all of them, or as many as there is room for, less a line that says what else there is. What needs a look comes first; what is left keeps its order.
 */
export function fold<T>(items: readonly T[], room: number, look: { worry: (item: T) => number; kind: (item: T) => string }): { shown: T[]; rest: string } {
  if (items.length <= room) return { shown: [...items], rest: '' };
  const places = Math.max(0, room - 1);
  const worst = items.map((item, i) => ({ i, worry: look.worry(item) })).toSorted((a, b) => b.worry - a.worry || a.i - b.i);
  const chosen = new Set(worst.slice(0, places).map(({ i }) => i));
  const hidden = items.filter((_, i) => !chosen.has(i));
  return { shown: items.filter((_, i) => chosen.has(i)), rest: `… and ${describeKinds(hidden.map(look.kind))}` };
}

/** `40 more running, 2 failed`: how many of which kind, the most first. */
function describeKinds(kinds: readonly string[]): string {
  const counted = countOf(kinds);
  return counted.map(([kind, count], i) => `${count}${i === 0 ? ' more' : ''} ${kind}`).join(', ');
}

/** How many there are of each, the most first. */
export function countOf(kinds: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a);
}
