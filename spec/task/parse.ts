import { readEnv } from './environment.js';
import { readGang } from './gang.js';
import { asksForNothing, COMING_KEYS, PLACEMENT_KEYS, PROGRAM_KEYS, UNFORWARDED_KEYS } from './keys.js';
import { slugName } from './name.js';
import { found, type Locate, type Path, type Problem, problemAt, type Warning } from './problem.js';
import { type Recovery, readRecovery } from './recovery.js';
import { elasticOf, type Resizing, readResizing } from './resizing.js';
import { describeRetry } from './retry.js';
import { type FieldValue, TASK_FIELDS, type TaskField, taskFields } from './schema.js';
import { DEFAULTS, type Task, type TaskGroup } from './task.js';
import { warningsOf } from './warnings.js';
import { readWith, unknownKey } from './words.js';

export { describeProblem, type Problem, type Warning } from './problem.js';

export interface ParseContext {
  /** defaultName: for a task without a name; any text, it is made into a valid name. */
  defaultName: string;
  /** submitterEnv: where bare names in `env` are looked up. */
  submitterEnv?: Record<string, string | undefined>;
  /** unpacked: `files` and `repos` may still be named, since somebody is to pack them. */
  unpacked?: boolean;
  /** locate: lines for the problems, as `readTaskYaml` returns it. */
  locate?: Locate;
}

export type ParsedTask = { ok: true; task: Task; warnings: Warning[] } | { ok: false; problems: Problem[]; warnings: Warning[] };

type Fields = { [K in TaskField]?: FieldValue<K> };

const ALL_KEYS = [...TASK_FIELDS, ...COMING_KEYS, ...PROGRAM_KEYS, ...PLACEMENT_KEYS, ...UNFORWARDED_KEYS];
const MOST_PROBLEMS = 100;

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
  for (const key of Object.keys(given)) {
    if (isField(key)) readField(fields, key, given[key], refuse);
    else if (COMING_KEYS.includes(key)) {
      if (!asksForNothing(given[key])) refuse([key], `\`${key}\` is not supported yet`);
    } else if (PROGRAM_KEYS.includes(key)) {
      if (!asksForNothing(given[key]))
        refuse([key], `\`${key}\` changes what runs, and Muster does not support it; remove it to run the commands on the hosts as they are`);
    } else if (!hasNoEffect(key)) refuse([key], problems.length < MOST_PROBLEMS ? unknownKey(key, ALL_KEYS) : 'unknown');
  }
  const groups = readGang(fields, given, refuse);
  const nodes = groups.reduce((sum, group) => sum + group.nodes, 0);
  checkHosts(fields, nodes, refuse);
  const recovery = readRecovery(fields, given, groups, refuse);
  const warn = (path: Path, message: string) => warnings.push(problemAt(path, message, locate));
  const resizing = readResizing(fields, given, recovery.onHostLoss, { refuse, warn });
  for (const key of ['files', 'repos'] as const) {
    if (context.unpacked || asksForNothing(given[key])) continue;
    refuse([key], `\`${key}\` is packed where it is: submit with \`muster run\`, \`muster schedule apply\` or the library`);
  }
  const env = readEnv(fields.env ?? DEFAULTS.env, context.submitterEnv, (path, message) => refuse(['env', ...path], message));

  for (const { path, message } of warningsOf(given)) warn(path, message);
  if (fields.retry) warn(['retry'], describeRetry(recovery));
  if (more > 0) problems.push({ path: '', message: `and ${more} more ${more === 1 ? 'problem' : 'problems'}` });
  if (problems.length > 0) return { ok: false, problems, warnings };
  return { ok: true, task: assemble(fields, groups, env, { ...recovery, ...resizing }, context.defaultName), warnings };
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

function checkHosts(fields: Fields, nodes: number, refuse: (path: Path, message: string) => void): void {
  const { hosts, groups } = fields;
  if (elasticOf(fields) === null && hosts !== undefined && hosts.length > 0 && nodes > 0 && nodes !== hosts.length) {
    refuse(groups === undefined ? ['nodes'] : ['groups'], `expected ${hosts.length}, the number of \`hosts\`, got ${nodes}`);
  }
}

function hasNoEffect(key: string): boolean {
  return PLACEMENT_KEYS.includes(key) || UNFORWARDED_KEYS.includes(key);
}

function assemble(fields: Fields, groups: TaskGroup[], env: Record<string, string>, changes: Recovery & Resizing, defaultName: string): Task {
  return {
    name: fields.name ?? slugName(defaultName),
    nodes: groups.reduce((sum, group) => sum + group.nodes, 0),
    groups,
    shell: fields.shell ?? DEFAULTS.shell,
    env,
    workingDir: fields.working_dir ?? DEFAULTS.workingDir,
    hosts: fields.hosts ?? DEFAULTS.hosts,
    startup: fields.startup_order ?? DEFAULTS.startup,
    nodesEnv: fields.nodes_env ?? DEFAULTS.nodesEnv,
    dialects: fields.dialects ?? DEFAULTS.dialects,
    archives: fields.archives ?? DEFAULTS.archives,
    repo: fields.repo ?? DEFAULTS.repo,
    schedule: fields.schedule ?? DEFAULTS.schedule,
    ...changes,
    fencing: fields.fencing ?? DEFAULTS.fencing,
    health: fields.health ?? DEFAULTS.health,
    stopCriteria: fields.stop_criteria ?? DEFAULTS.stopCriteria,
    stopSignal: fields.stop_signal ?? DEFAULTS.stopSignal,
    stopDurationSeconds: fields.stop_duration ?? DEFAULTS.stopDurationSeconds,
    maxDurationSeconds: fields.max_duration ?? DEFAULTS.maxDurationSeconds,
    hostTimeoutSeconds: fields.host_timeout ?? DEFAULTS.hostTimeoutSeconds,
    gatherTimeoutSeconds: fields.gather_timeout ?? DEFAULTS.gatherTimeoutSeconds,
    preflight: fields.preflight ?? DEFAULTS.preflight,
    network: fields.network ?? DEFAULTS.network,
    interface: fields.interface ?? DEFAULTS.interface,
    fleet: fields.fleet ?? DEFAULTS.fleet,
  };
}
