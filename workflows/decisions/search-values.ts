import type { RunPhase } from '../../spec/nodes.js';
import { SEARCH_ATTRIBUTE_NAMES, type SearchAttribute } from '../../spec/search-attributes.js';
import { byteLength } from '../../spec/task/byteLength.js';

/** What a run tells of itself, by attribute; what is left out is not set. */
export type SearchValues = { [name in SearchAttribute]?: string | string[] };

/** A value holds 2 KB, as JSON. */
const MOST_BYTES = 1_900;
/** A SQL store cuts a keyword at 255 characters, or refuses it. */
const MOST_CHARACTERS = 200;
/** Phases whose reason is what went wrong, or who stopped it. */
const WITH_REASON: readonly RunPhase[] = ['failed', 'cancelled', 'restarting'];

/** What there is to tell now. Why a run was restarted stays when it runs again; of many hosts those are told that fit in. */
export function searchValuesOf(
  run: { phase: RunPhase; reason: string; name: string; hosts: readonly string[] },
  usable: readonly SearchAttribute[],
  before: SearchValues,
): SearchValues {
  const reason = WITH_REASON.includes(run.phase) ? run.reason : before.MusterReason;
  const values: SearchValues = { MusterPhase: run.phase, MusterName: run.name.slice(0, MOST_CHARACTERS) };
  if (run.hosts.length > 0) values.MusterHosts = thatFit(run.hosts);
  if (reason !== undefined) values.MusterReason = reason;
  return Object.fromEntries(Object.entries(values).filter(([name]) => usable.includes(name as SearchAttribute)));
}

/** The attributes whose value is another one now; null: it has none any more. */
export function changedValues(before: SearchValues, now: SearchValues): [SearchAttribute, string | string[] | null][] {
  const isSame = (name: SearchAttribute) => JSON.stringify(before[name]) === JSON.stringify(now[name]);
  return SEARCH_ATTRIBUTE_NAMES.filter((name) => !isSame(name)).map((name) => [name, now[name] ?? null]);
}

function thatFit(hosts: readonly string[]): string[] {
  const fit: string[] = [];
  let bytes = 2;
  for (const host of hosts) {
    bytes += byteLength(JSON.stringify(host)) + 1;
    if (bytes > MOST_BYTES) break;
    fit.push(host);
  }
  return fit;
}
