import { z } from 'zod';
import { commandsSchema } from './commands.js';
import { durationOf, durationOrOff } from './duration.js';
import { archivesSchema, filesSchema } from './files.js';
import { groupsSchema } from './groups.js';
import { healthSchema } from './health.js';
import { labelsSchema } from './labels.js';
import { NAME_RULE } from './name.js';
import { networkSchema } from './network.js';
import { nodesSchema } from './node-count.js';
import { onResizeSchema } from './on-resize.js';
import { PREFLIGHTS } from './preflight.js';
import { found } from './problem.js';
import { repoSchema, reposSchema } from './repos.js';
import { resourcesSchema } from './resources.js';
import { restartSchema } from './restart-schema.js';
import { retrySchema } from './retry.js';
import { scheduleSchema } from './schedule.js';
import { signalSchema } from './signals.js';
import { startupSchema } from './startup.js';
import { DIALECTS, MAX_NODES } from './task.js';
import { expected, listOf, type Read, reading, textWhere } from './words.js';

export const MIN_HOST_TIMEOUT_SECONDS = 5;
export const MAX_SETTLE_SECONDS = 600;
export const MAX_SPARES = 100;

/** Ids of hosts and fleets become parts of task queue names, where a dot divides. */
export const HOST_ID_RULE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
export const FLEET_RULE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

const dialectsSchema = listOf(z.enum(DIALECTS, { error: expected('`torch`, the only dialect there is') }), 'dialects').transform((items) => [
  ...new Set(items),
]);

const SPARES_WHAT = `a whole number from 0 to ${MAX_SPARES}`;
const spares = reading(z.number({ error: expected(SPARES_WHAT) }), (value): Read<number> => {
  const isCount = Number.isInteger(value) && value >= 0 && value <= MAX_SPARES;
  return isCount ? { value } : { refused: `expected ${SPARES_WHAT}, got ${found(value)}` };
});

const hosts = listOf(z.unknown(), 'host ids')
  .min(1, { error: (issue) => `expected at least one host id, got ${found(issue.input)}` })
  .max(MAX_NODES, { error: `expected at most ${MAX_NODES} host ids, got more` })
  .transform((items, context): string[] => {
    const first = new Map<string, number>();
    items.forEach((item, index) => {
      const message = hostProblem(item, first);
      if (message !== undefined) context.issues.push({ code: 'custom', path: [index], input: item, message });
      else first.set(String(item), index);
    });
    return [...first.keys()];
  });

/**
 * The supported keys, each with its own schema, so that a problem in one hides none in another.
 * An absent key and null mean the same, and never come here.
 */
export const taskFields = {
  type: z.literal('task', { error: expected('`task`, the only type that Muster runs') }),
  name: textWhere('a name of 2 to 41 lower-case letters, digits and `-` that begins with a letter', (text) => NAME_RULE.test(text)),
  nodes: nodesSchema,
  groups: groupsSchema,
  commands: commandsSchema,
  shell: textWhere('`sh`, `bash` or an absolute path', (text) => text === 'sh' || text === 'bash' || text.startsWith('/')),
  env: z.unknown(), // Read by `readEnv`, since a bare name needs the submitter's environment.
  working_dir: textWhere('a path', (text) => text.trim() !== '' && text.length <= 4_096),
  files: filesSchema,
  repos: reposSchema,
  archives: archivesSchema,
  repo: repoSchema,
  hosts,
  where: labelsSchema,
  resources: resourcesSchema,
  schedule: scheduleSchema,
  startup_order: startupSchema,
  nodes_env: z.enum(['variable', 'file'], { error: expected('`variable` or `file`') }),
  dialects: dialectsSchema,
  restart: restartSchema,
  retry: retrySchema,
  health: healthSchema,
  on_host_loss: z.enum(['fail', 'replace', 'shrink'], { error: expected('`fail`, `replace` or `shrink`') }),
  on_resize: onResizeSchema,
  settle: durationOf(0, MAX_SETTLE_SECONDS),
  spares,
  fencing: z.enum(['reachable', 'strict'], { error: expected('`reachable` or `strict`') }),
  stop_criteria: z.enum(['all-done', 'master-done'], { error: expected('`all-done` or `master-done`') }),
  stop_signal: signalSchema,
  stop_duration: durationOf(0),
  max_duration: durationOrOff(1),
  host_timeout: durationOf(MIN_HOST_TIMEOUT_SECONDS),
  queue_timeout: durationOf(1),
  gather_timeout: durationOf(1),
  preflight: z.enum(PREFLIGHTS, { error: expected('`all`, `ring`, `master` or `off`') }),
  network: networkSchema,
  interface: textWhere('the name of a network interface such as `eth0`', isInterfaceName),
  fleet: textWhere('the name of a fleet, of letters, digits, `-` and `_`', (text) => FLEET_RULE.test(text)),
};

export type TaskField = keyof typeof taskFields;
export type FieldValue<K extends TaskField> = z.output<(typeof taskFields)[K]>;

export const TASK_FIELDS = Object.keys(taskFields) as TaskField[];

function hostProblem(item: unknown, first: ReadonlyMap<string, number>): string | undefined {
  if (typeof item !== 'string' || !HOST_ID_RULE.test(item)) return `expected the id of a host, got ${found(item)}`;
  const before = first.get(item);
  return before === undefined ? undefined : `${found(item)} is already given at hosts[${before}]`;
}

// The kernel's dev_valid_name, and its 15 bytes.
function isInterfaceName(text: string): boolean {
  return /^[^\s/:]{1,15}$/.test(text) && text !== '.' && text !== '..';
}
