import type { GrantedHost } from '../../spec/fleet.js';
import type { LeasePart } from '../../spec/messages.js';
import type { Labels } from '../../spec/task/labels.js';
import { matchPlaces } from './matching.js';

/** A host that may be taken, by what placement looks at. */
export interface Candidate {
  host: string;
  identity: string;
  labels: Labels;
}

/**
 * A host for every place of every part, or null where that cannot be. `candidates` in the order of preference; where `pinned`, they are the
 * hosts for the places in order. A host that fits several parts goes where it is needed.
 */
export function placeParts(candidates: readonly Candidate[], parts: readonly LeasePart[], pinned: boolean): GrantedHost[] | null {
  const places = parts.flatMap((part) => Array.from({ length: part.nodes }, () => part));
  if (candidates.length < places.length) return null;
  if (pinned) {
    const granted = places.map((part, i) => grant(candidates[i], part));
    return granted.every((host) => host !== null) ? granted : null;
  }
  const takenBy = matchPlaces(candidates.length, places.length, (i, place) => fits(candidates[i]?.labels ?? {}, places[place]?.where ?? {}));
  return takenBy && places.map((part, place) => grant(candidates[takenBy.indexOf(place)], part)).filter((host) => host !== null);
}

/** Does the host have all these labels? */
export function fits(labels: Labels, where: Labels): boolean {
  return Object.entries(where).every(([name, value]) => labels[name] === value);
}

function grant(candidate: Candidate | undefined, { group, where }: LeasePart): GrantedHost | null {
  return candidate && fits(candidate.labels, where) ? { host: candidate.host, identity: candidate.identity, group } : null;
}
