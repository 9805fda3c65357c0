/**
 * Which place each candidate takes, -1 for none: a maximum bipartite matching (Kuhn), candidates in the order of preference. Null where a
 * place stays empty.
 */
export function matchPlaces(candidates: number, places: number, may: (candidate: number, place: number) => boolean): number[] | null {
  const takenBy = Array.from({ length: candidates }, () => -1);
  const seat = (place: number, seen: Set<number>): boolean => {
    const fitting = takenBy.flatMap((_, i) => (!seen.has(i) && may(i, place) ? [i] : []));
    const free = fitting.find((i) => takenBy[i] === -1);
    if (free !== undefined) {
      takenBy[free] = place;
      return true;
    }
    for (const i of fitting) {
      if (seen.has(i)) continue;
      seen.add(i);
      if (!seat(takenBy[i] ?? -1, seen)) continue;
      takenBy[i] = place;
      return true;
    }
    return false;
  };
  return Array.from({ length: places }, (_, place) => place).every((place) => seat(place, new Set())) ? takenBy : null;
}
