import { defineSearchAttributeKey, SearchAttributeType, type SearchAttributeUpdatePair } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import type { RunPhase } from '../spec/nodes.js';
import { SEARCH_ATTRIBUTES, type SearchAttribute } from '../spec/search-attributes.js';
import { changedValues, type SearchValues, searchValuesOf } from './decisions/search-values.js';

/** Tells Temporal's visibility store what is new about the run: an event where there is something, none where the namespace has none of the attributes. Returns what was told by now. */
export function index(
  run: { phase: RunPhase; reason: string; ref: { name: string }; hosts: readonly { host: string }[]; searchAttributes: readonly SearchAttribute[] },
  before: SearchValues,
): SearchValues {
  const { phase, reason, ref, searchAttributes } = run;
  const now = searchValuesOf({ phase, reason, name: ref.name, hosts: run.hosts.map(({ host }) => host) }, searchAttributes, before);
  const changed = changedValues(before, now);
  if (changed.length > 0) upsertSearchAttributes(changed.map(([name, value]) => pairOf(name, value)));
  return now;
}

function pairOf(name: SearchAttribute, value: string | string[] | null): SearchAttributeUpdatePair {
  const type = SEARCH_ATTRIBUTES[name] === 'KeywordList' ? SearchAttributeType.KEYWORD_LIST : SearchAttributeType.KEYWORD;
  return { key: defineSearchAttributeKey(name, type), value } as SearchAttributeUpdatePair;
}
