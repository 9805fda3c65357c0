import type { Resize, RunPhase } from '../../spec/nodes.js';
import type { ResizeWish } from '../../spec/resize.js';
import type { RosterNode } from '../../spec/roster.js';
import { MAX_NODES, type Task } from '../../spec/task/task.js';
import { readTemplates } from '../../spec/task/template.js';

/** Who leaves, and how many others are to come, by group. */
export interface ResizePlan {
  leave: string[];
  newcomers: { group: number; nodes: number }[];
  /** Which hosts the newcomers are, where the task pins its hosts. */
  hosts: string[] | null;
}

/** The sizes of all groups that a wish asks for; or why the run cannot have them, in a sentence. */
export function readWish(
  wish: unknown,
  { task, sizes, phase, stopping }: { task: Pick<Task, 'hosts' | 'groups' | 'elastic'>; sizes: readonly number[]; phase: RunPhase; stopping: boolean },
): { sizes: number[] } | { refused: string } {
  const wanted = sizesOf(wish, task.groups, sizes);
  if (typeof wanted === 'string') return { refused: wanted };
  const nodes = wanted.reduce((sum, size) => sum + size, 0);
  const refused = refuseNodes(nodes, task) ?? refuseTemplates(wanted, task.groups) ?? refusePhase(phase, stopping);
  return refused === null ? { sizes: wanted } : { refused };
}

const WISHES_KEPT = 10;

/** The wishes of a run with a new one; the oldest are forgotten, but not one that waits: who made it is to hear what becomes of it. */
export function wishesWith(wishes: readonly Resize[], wish: Resize): Resize[] {
  const all = [...wishes, wish];
  const oldest = all.length > WISHES_KEPT ? all.findIndex(({ state }) => state !== 'waiting') : -1;
  return all.filter((_, i) => i !== oldest);
}

/** From the sealed roster to other sizes: a shrink moves only the tail of its group. */
export function planResize(nodes: readonly RosterNode[], groups: readonly string[], sizes: readonly number[], pinned: readonly string[] | null): ResizePlan {
  const members = groups.map((name) => nodes.filter(({ group }) => group === name).map(({ host }) => host));
  const present = nodes.map(({ host }) => host);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return {
    leave: members.flatMap((hosts, group) => hosts.slice(sizes[group])),
    newcomers: members.flatMap((hosts, group) => {
      const lack = (sizes[group] ?? 0) - hosts.length;
      return lack > 0 ? [{ group, nodes: lack }] : [];
    }),
    hosts: pinned?.slice(0, total).filter((host) => !present.includes(host)) ?? null,
  };
}

function sizesOf(wish: unknown, groups: Task['groups'], sizes: readonly number[]): number[] | string {
  const { nodes, groups: named } = (typeof wish === 'object' && wish !== null ? wish : {}) as { [K in keyof ResizeWish]?: unknown };
  if (named === undefined || named === null) {
    if (groups.length > 1) return `the task has ${groups.length} groups, so say which: ${groups.map(({ name }) => `${name}=N`).join(' ')}`;
    const wrong = refuseSize('nodes', nodes);
    return wrong ?? [nodes as number];
  }
  if (typeof named !== 'object' || Array.isArray(named)) return 'groups: expected a map of names and numbers of nodes';
  const wanted = [...sizes];
  for (const [name, size] of Object.entries(named)) {
    const group = groups.findIndex((other) => other.name === name);
    if (group < 0) return `groups: there is no group ${name}, only ${groups.map((other) => other.name).join(', ')}`;
    const wrong = refuseSize(name, size);
    if (wrong !== null) return wrong;
    wanted[group] = size as number;
  }
  return wanted;
}

function refuseSize(what: string, size: unknown): string | null {
  if (typeof size !== 'number' || !Number.isInteger(size)) return `${what}: expected a whole number such as \`3\`, got ${JSON.stringify(size) ?? 'nothing'}`;
  if (size < 1) return `${what}: expected at least 1, got ${size}; \`muster stop\` ends a run`;
  return size > MAX_NODES ? `${what}: expected at most ${MAX_NODES}, got ${size}` : null;
}

function refuseNodes(nodes: number, { hosts, elastic }: Pick<Task, 'hosts' | 'elastic'>): string | null {
  if (nodes > MAX_NODES) return `expected at most ${MAX_NODES} nodes in all groups together, got ${nodes}`;
  if (hosts !== null && nodes > hosts.length) return `the task names ${hosts.length} hosts, so it cannot have ${nodes} nodes`;
  if (elastic !== null && (nodes < elastic.min || nodes > elastic.max))
    return `the task says \`nodes: ${elastic.min}..${elastic.max}\`, so it cannot have ${nodes}`;
  return null;
}

/** Addresses that the commands name must be there. */
function refuseTemplates(sizes: readonly number[], groups: Task['groups']): string | null {
  const resized = groups.map(({ name }, group) => ({ name, nodes: sizes[group] ?? 0 }));
  const refusals: string[] = [];
  for (const command of groups.flatMap(({ commands }) => commands)) readTemplates(command, resized, (message) => refusals.push(message));
  return refusals[0] === undefined ? null : `its commands name a node that would be gone: ${refusals[0]}`;
}

function refusePhase(phase: RunPhase, stopping: boolean): string | null {
  if (stopping || phase === 'stopping') return 'the run is being stopped';
  return phase === 'succeeded' || phase === 'failed' || phase === 'cancelled' ? 'the run has ended' : null;
}
