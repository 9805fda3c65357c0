import type { OutputFilter } from '../../spec/activities.js';
import type { OutputSpan, StartRecord } from './store.js';

/** More changes of one start's generation are not told apart: what came before counts as the oldest of these. */
const MOST_SPANS = 100;

/** The spans with a newer one. */
export function spansWith(spans: readonly OutputSpan[], next: OutputSpan): OutputSpan[] {
  return [...spans, next].slice(-MOST_SPANS);
}

/** A part of a start's output that is of one node in one generation. `to`: null where it goes on. */
export interface OutputPart {
  from: number;
  to: number | null;
  generation: number;
  rank: number;
}

/** The parts of a start's output, in order; an agent before this one may have written down none. */
export function partsOf({ spans, generation, rank }: Pick<StartRecord, 'spans' | 'generation' | 'rank'>): OutputPart[] {
  const known = spans.length > 0 ? spans : [{ from: 0, generation, rank }];
  return known.map((span, i) => ({ ...span, from: i === 0 ? 0 : span.from, to: known[i + 1]?.from ?? null }));
}

/** The parts that were asked for. */
export function wantedParts(parts: readonly OutputPart[], { ranks, generation }: Pick<OutputFilter, 'ranks' | 'generation'>): OutputPart[] {
  return parts.filter((part) => (ranks === null || ranks.includes(part.rank)) && (generation === null || part.generation === generation));
}

/** Whether more that is wanted may still be written. */
export function mayGoOn(parts: readonly OutputPart[], { generation }: Pick<OutputFilter, 'generation'>): boolean {
  return generation === null || (parts.at(-1)?.generation ?? 0) <= generation;
}
