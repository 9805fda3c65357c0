import type { Path } from './problem.js';
import { elasticOf } from './resizing.js';
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
    const groups = [{ name: '0', nodes: fields.nodes?.min ?? hosts?.length ?? DEFAULTS.nodes, commands, resources, where }];
    checkTemplates(fields, groups, () => ['commands'], refuse);
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
  checkTemplates(fields, groups, (index) => ['groups', index, 'commands'], refuse);
  return groups;
}

/** Templates may stand in whatever a shell of a node reads, and name nodes that are always there. */
function checkTemplates(fields: Fields, groups: readonly TaskGroup[], pathOf: (group: number) => Path, refuse: Refuse): void {
  const { startup_order: startup, health, on_resize: onResize } = fields;
  const texts: { path: Path; text: string | null | undefined }[] = [
    ...groups.flatMap(({ commands }, index) => commands.map((text, line) => ({ path: [...pathOf(index), line], text }))),
    { path: ['startup_order', 'ready', 'command'], text: startup?.ready?.command },
    { path: ['health', 'command'], text: health?.command },
    { path: ['on_resize', 'exec'], text: onResize?.do === 'exec' ? onResize.command : null },
  ];
  const keepsOne = fields.on_host_loss === 'shrink' && elasticOf(fields) === null;
  for (const { path, text } of texts) {
    for (const piece of readTemplates(text ?? '', groups, (message) => refuse(path, message))) {
      if (!keepsOne || 'text' in piece || piece.node === 0) continue;
      const named = `nodes[${piece.node}] of groups[${piece.group}]`;
      refuse(path, `expected a node that is always there, got ${named}; \`on_host_loss: shrink\` may leave nodes[0] alone`);
    }
  }
}
