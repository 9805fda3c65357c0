import type { GrantedHost, HostFacts } from '../../spec/fleet.js';
import type { LeasePart } from '../../spec/messages.js';
import { matchPlaces } from './matching.js';
import { type HostResources, meets } from './resources.js';

/** A host that may be taken, by what placement looks at. */
export type Candidate = HostResources & Pick<HostFacts, 'identity'>;

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
  const met = candidates.map((candidate) => parts.map((part) => meets(candidate, part)));
  const partOf = places.map((part) => parts.indexOf(part));
  const takenBy = matchPlaces(candidates.length, places.length, (i, place) => met[i]?.[partOf[place] ?? 0] ?? false);
  return takenBy && places.map((part, place) => grant(candidates[takenBy.indexOf(place)], part)).filter((host) => host !== null);
}

/** Hosts for the one part that wants some: as many as there are, up to what it says. `candidates` in the order of preference. */
export function placeSome(candidates: readonly Candidate[], parts: readonly LeasePart[]): GrantedHost[] {
  const part = parts.find(({ nodes }) => nodes > 0);
  return part === undefined ? [] : candidates.flatMap((candidate) => grant(candidate, part) ?? []).slice(0, part.nodes);
}

function grant(candidate: Candidate | undefined, part: LeasePart): GrantedHost | null {
  const { group } = part;
  return candidate && meets(candidate, part) ? { host: candidate.host, identity: candidate.identity, group } : null;
}
