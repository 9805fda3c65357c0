import { distance } from 'fastest-levenshtein';

/** The candidate that a mistyped word most likely meant; undefined where none is near. */
export function nearestOf(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > 40) return undefined;
  const lower = word.toLowerCase().replaceAll('-', '_');
  let best: { candidate: string; far: number } | undefined;
  for (const candidate of candidates) {
    const far = distance(lower, candidate.toLowerCase().replaceAll('-', '_'));
    if (best === undefined || far < best.far) best = { candidate, far };
  }
  return best !== undefined && best.far <= Math.ceil(word.length * 0.4) ? best.candidate : undefined;
}
