import { readEnv } from './environment.js';
import { asksForNothing, COMING_KEYS, PLACEMENT_KEYS, PROGRAM_KEYS } from './keys.js';
import { slugName } from './name.js';
import { found, type Locate, type Path, type Problem, problemAt, type Warning } from './problem.js';
import { type FieldValue, TASK_FIELDS, type TaskField, taskFields } from './schema.js';
import { DEFAULTS, type Task } from './task.js';
import { quoteKey, readWith, unknownKey } from './words.js';

export { describeProblem, type Problem, type Warning } from './problem.js';

export interface ParseContext {
  /** defaultName: for a task without a name; any text, it is made into a valid name. */
  defaultName: string;
  /** submitterEnv: where bare names in `env` are looked up. */
  submitterEnv?: Record<string, string | undefined>;
  /** locate: lines for the problems, as `readTaskYaml` returns it. */
  locate?: Locate;
}

export type ParsedTask = { ok: true; task: Task; warnings: Warning[] } | { ok: false; problems: Problem[]; warnings: Warning[] };

type Fields = { [K in TaskField]?: FieldValue<K> };

const ALL_KEYS = [...TASK_FIELDS, ...COMING_KEYS, ...PROGRAM_KEYS, ...PLACEMENT_KEYS];
const MOST_PROBLEMS = 100;
const LONGEST_VARIABLE_BYTES = 131_072;
const BYTES_PER_ADDRESS = 16;

/**
 * Any value as a task, or all of its problems at once (past a hundred, their number), in the order of its keys. Total: it
 * never throws, and never changes its input. Deterministic, so a workflow may call it.
 */
export function parseTask(input: unknown, context: ParseContext): ParsedTask {
  try {
    return parseReadable(input, context);
  } catch {
    // Only a value that runs code while it is read comes here: a getter or a proxy that throws.
    return { ok: false, problems: [{ path: '', message: 'expected plain data, got a value that cannot be read' }], warnings: [] };
  }
}

function parseReadable(input: unknown, context: ParseContext): ParsedTask {
  const { locate } = context;
  const problems: Problem[] = [];
  const warnings: Warning[] = [];
  let more = 0;
  const refuse = (path: Path, message: string) => {
    if (problems.length < MOST_PROBLEMS) problems.push(problemAt(path, message, locate));
    else more += 1;
  };

  if (Object.prototype.toString.call(input) !== '[object Object]') {
    refuse([], `expected a map with keys such as \`nodes\` and \`commands\`, got ${found(input)}`);
    return { ok: false, problems, warnings };
  }

  const given = input as Record<string, unknown>;
  const fields: Fields = {};
  const placement: string[] = [];
  for (const key of Object.keys(given)) {
    if (isField(key)) readField(fields, key, given[key], refuse);
    else if (PLACEMENT_KEYS.includes(key)) placement.push(key);
    else if (COMING_KEYS.includes(key)) {
      if (!asksForNothing(given[key])) refuse([key], `\`${key}\` is not supported yet`);
    } else if (PROGRAM_KEYS.includes(key)) {
      if (!asksForNothing(given[key]))
        refuse([key], `\`${key}\` changes what runs, and Muster does not support it; remove it to run the commands on the hosts as they are`);
    } else refuse([key], unknownKey(key, ALL_KEYS));
  }
  if (isAbsent(given['commands'])) refuse(['commands'], 'expected a list of commands, got nothing');
  checkTogether(fields, refuse);
  const env = readEnv(fields.env ?? DEFAULTS.env, context.submitterEnv, (path, message) => refuse(['env', ...path], message));

  if (placement.length > 0) {
    const names = placement.map(quoteKey).join(', ');
    const message = `${names} ${placement.length === 1 ? 'chooses' : 'choose'} machines in dstack and ${placement.length === 1 ? 'has' : 'have'} no effect here`;
    warnings.push({ ...problemAt([placement[0] ?? ''], message, locate), path: placement.length === 1 ? (placement[0] ?? '') : '' });
  }
  if (fields.resources !== undefined) {
    warnings.push(problemAt(['resources'], 'parsed, not yet used to choose hosts', locate));
  }
  if (more > 0) problems.push({ path: '', message: `and ${more} more ${more === 1 ? 'problem' : 'problems'}` });
  if (problems.length > 0) return { ok: false, problems, warnings };
  return { ok: true, task: assemble(fields, env, context.defaultName), warnings };
}

function readField(fields: Fields, key: TaskField, value: unknown, refuse: (path: Path, message: string) => void): void {
  if (isAbsent(value)) return;
  const result = readWith<unknown>(taskFields[key], value);
  if ('value' in result) Object.assign(fields, { [key]: result.value });
  else for (const { path, message } of result.problems) refuse([key, ...path], message);
}

function isField(key: string): key is TaskField {
  return Object.hasOwn(taskFields, key);
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function checkTogether({ nodes, hosts }: Fields, refuse: (path: Path, message: string) => void): void {
  if (hosts !== undefined && hosts.length > 0 && nodes !== undefined && nodes !== hosts.length) {
    refuse(['nodes'], `expected ${hosts.length}, the number of \`hosts\`, got ${nodes}`);
  }
  const tooLong = addressListProblem(nodes ?? hosts?.length ?? DEFAULTS.nodes);
  if (tooLong !== undefined) refuse(['nodes'], tooLong);
}

/** Whether Linux could hold so many addresses in `DSTACK_NODES_IPS`; the words for a list that is too long. */
export function addressListProblem(nodes: number): string | undefined {
  if (nodes * BYTES_PER_ADDRESS <= LONGEST_VARIABLE_BYTES) return undefined;
  return `expected a list of addresses of at most 128 KiB, got ${nodes} nodes; \`nodes_env: file\` is not supported yet`;
}

function assemble(fields: Fields, env: Record<string, string>, defaultName: string): Task {
  return {
    name: fields.name ?? slugName(defaultName),
    nodes: fields.nodes ?? fields.hosts?.length ?? DEFAULTS.nodes,
    commands: fields.commands ?? [],
    shell: fields.shell ?? DEFAULTS.shell,
    env,
    workingDir: fields.working_dir ?? DEFAULTS.workingDir,
    hosts: fields.hosts ?? DEFAULTS.hosts,
    resources: fields.resources ?? DEFAULTS.resources,
    schedule: fields.schedule ?? DEFAULTS.schedule,
    stopCriteria: fields.stop_criteria ?? DEFAULTS.stopCriteria,
    stopSignal: fields.stop_signal ?? DEFAULTS.stopSignal,
    stopDurationSeconds: fields.stop_duration ?? DEFAULTS.stopDurationSeconds,
    maxDurationSeconds: fields.max_duration ?? DEFAULTS.maxDurationSeconds,
    hostTimeoutSeconds: fields.host_timeout ?? DEFAULTS.hostTimeoutSeconds,
    queueTimeoutSeconds: fields.queue_timeout ?? DEFAULTS.queueTimeoutSeconds,
    gatherTimeoutSeconds: fields.gather_timeout ?? DEFAULTS.gatherTimeoutSeconds,
    network: fields.network ?? DEFAULTS.network,
    interface: fields.interface ?? DEFAULTS.interface,
    fleet: fields.fleet ?? DEFAULTS.fleet,
  };
}
