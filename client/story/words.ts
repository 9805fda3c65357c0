import type { RosterNode } from '../../spec/roster.js';
import { comings, named } from '../../spec/words.js';
import type { StoryEvent } from './event.js';

const MOST_NAMED = 6;

/** `a, b and c`; of many the first ones, and how many more. */
export function namesOf(names: readonly string[]): string {
  return named(names, MOST_NAMED);
}

/** `node 2 on gpu-07`, `nodes 0, 1 and 2`, or hosts that have no rank yet. */
export function nodesOf(nodes: StoryEvent['nodes']): string {
  const [first] = nodes;
  if (first === undefined) return 'nobody';
  if (nodes.some(({ rank }) => rank === null)) return namesOf(nodes.map(({ host }) => host));
  if (nodes.length === 1) return `node ${first.rank} on ${first.host}`;
  const ranks = nodes.map(({ rank }) => rank ?? 0).sort((a, b) => a - b);
  return `nodes ${namesOf(ranks.map(String))}`;
}

/** `0 host-1 10.0.0.1, 1 host-2 10.0.0.2`. */
export function listOf(nodes: readonly RosterNode[]): string {
  return namesOf(nodes.map(({ rank, host, address }) => `${rank} ${host} ${address}`));
}

/** `; c joined; a and b left`. */
export function changesOf(before: StoryEvent['nodes'], now: StoryEvent['nodes']): string {
  const hosts = [before, now].map((nodes) => nodes.map(({ host }) => host));
  return comings(hosts[0] ?? [], hosts[1] ?? [], MOST_NAMED)
    .map((change) => `; ${change}`)
    .join('');
}

/** A sentence's beginning. */
export function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
