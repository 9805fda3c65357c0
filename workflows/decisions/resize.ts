import type { RunPhase } from '../../spec/nodes.js';
import type { Roster } from '../../spec/roster.js';
import { MAX_NODES } from '../../spec/task/task.js';

/** Who stays, who leaves, and how many others are to come. */
export interface ResizePlan {
  leave: string[];
  newcomers: number;
  /** Which hosts the newcomers are, where the task pins its hosts. */
  hosts: string[] | null;
}

/** Why a run cannot have so many nodes, in a sentence; null where it can. */
export function refuseResize(wish: { nodes: unknown; pinned: readonly string[] | null; groups: number; phase: RunPhase; stopping: boolean }): string | null {
  const { nodes, pinned, phase, stopping } = wish;
  if (typeof nodes !== 'number' || !Number.isInteger(nodes)) return `nodes: expected a whole number such as \`3\`, got ${JSON.stringify(nodes) ?? 'nothing'}`;
  if (nodes < 1) return `nodes: expected at least 1, got ${nodes}; \`muster stop\` ends a run`;
  if (nodes > MAX_NODES) return `nodes: expected at most ${MAX_NODES}, got ${nodes}`;
  if (wish.groups > 1) return `the task has ${wish.groups} groups, and groups cannot be resized yet`;
  if (pinned !== null && nodes > pinned.length) return `the task names ${pinned.length} hosts, so it cannot have ${nodes} nodes`;
  if (stopping || phase === 'stopping') return 'the run is being stopped';
  return phase === 'succeeded' || phase === 'failed' || phase === 'cancelled' ? 'the run has ended' : null;
}

/** From the sealed roster to another number of nodes: a shrink moves only the tail. */
export function planResize({ nodes }: Roster, wanted: number, pinned: readonly string[] | null): ResizePlan {
  const present = nodes.map(({ host }) => host);
  const hosts = pinned?.slice(0, wanted).filter((host) => !present.includes(host)) ?? null;
  return { leave: present.slice(wanted), newcomers: Math.max(0, wanted - present.length), hosts };
}
