import type { Path } from './problem.js';
import type { FieldValue, TaskField } from './schema.js';
import { DEFAULTS, MAX_NODES, type TaskGroup } from './task.js';
import { readTemplates } from './template.js';

type Refuse = (path: Path, message: string) => void;
type Fields = { [K in TaskField]?: FieldValue<K> };

/**
 * Who takes part: the groups of a task in rank order, a task without `groups` being one. What does not go together, and
 * templates that lead nowhere, are told to `refuse`. A field that was refused already is missing from `fields`, but not from `given`.
 */
export function readGang(fields: Fields, given: Readonly<Record<string, unknown>>, refuse: Refuse): TaskGroup[] {
  const isGiven = (key: TaskField) => given[key] !== undefined && given[key] !== null;
  if (!isGiven('groups')) {
    if (!isGiven('commands')) refuse(['commands'], 'expected a list of commands, got nothing');
    const { commands = [], resources = null, where = {}, hosts } = fields;
    const groups = [{ name: '0', nodes: fields.nodes ?? hosts?.length ?? DEFAULTS.nodes, commands, resources, where }];
    checkTemplates(groups, () => ['commands'], refuse);
    checkProbes(fields, groups, refuse);
    return groups;
  }
  for (const key of ['nodes', 'commands'] as const) {
    if (isGiven(key)) refuse([key], `expected \`${key}\` in each of \`groups\`, got it beside them`);
  }
  const groups = (fields.groups ?? []).map(({ name, nodes, commands, resources, where }, index) => ({
    name: name ?? String(index),
    nodes: nodes ?? DEFAULTS.nodes,
    commands,
    resources: resources ?? null,
    where: { ...fields.where, ...where },
  }));
  for (const [index, { name }] of groups.entries()) {
    const first = groups.findIndex((other) => other.name === name);
    if (first < index) refuse(['groups', index, 'name'], `\`${name}\` is already the name of groups[${first}]`);
  }
  const nodes = groups.reduce((sum, group) => sum + group.nodes, 0);
  if (nodes > MAX_NODES) refuse(['groups'], `expected at most ${MAX_NODES} nodes in all groups together, got ${nodes}`);
  checkTemplates(groups, (index) => ['groups', index, 'commands'], refuse);
  checkProbes(fields, groups, refuse);
  return groups;
}

function checkProbes({ startup_order: startup, health }: Fields, groups: readonly TaskGroup[], refuse: Refuse): void {
  const probes = [
    { path: ['startup_order', 'ready', 'command'], command: startup?.ready?.command },
    { path: ['health', 'command'], command: health?.command },
  ];
  for (const { path, command } of probes) readTemplates(command ?? '', groups, (message) => refuse(path, message));
}

function checkTemplates(groups: readonly TaskGroup[], pathOf: (group: number) => Path, refuse: Refuse): void {
  for (const [index, { commands }] of groups.entries()) {
    for (const [line, command] of commands.entries()) {
      readTemplates(command, groups, (message) => refuse([...pathOf(index), line], message));
    }
  }
}
