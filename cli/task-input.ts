import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { TaskFile } from '../client/index.js';
import { slugName } from '../spec/task/name.js';
import { describeProblem, parseTask } from '../spec/task/parse.js';
import type { Locate, Problem } from '../spec/task/problem.js';
import type { Task } from '../spec/task/task.js';
import { readTaskYaml } from '../spec/task/yaml.js';
import { shellLine } from './command-words.js';
import { EXIT, Exit, UsageError } from './exit.js';
import { userPath } from './paths.js';
import { printError } from './print.js';

/** What a command line says about a task. */
export interface TaskWish {
  file?: string;
  command?: readonly string[];
  /** nodes: as the task file has it. */
  nodes?: number | string;
  name?: string;
  env?: readonly string[];
  fleet?: string;
}

/** A task that can be submitted, and what it means. */
export interface TaskInput {
  submit: TaskFile;
  task: Task;
  /** For people. */
  warnings: string[];
  /** Where relative paths begin. */
  baseDir: string;
}

/** Reads a file or a command as a task, with the command line's wishes over it. Says every problem and throws `Exit` 2. */
export function readTask(wish: TaskWish, submitterEnv: NodeJS.ProcessEnv = process.env): TaskInput {
  const { file, command } = wish;
  if (file !== undefined && command !== undefined) throw new UsageError('Give a task file or a command after --, not both');
  if (command !== undefined) {
    if (command.length === 0) throw new UsageError('There is no command after --');
    return resolve('The command', taskOfCommand(command), wish, { submitterEnv, defaultName: nameOfCommand(command), baseDir: userPath('.') });
  }
  if (file === undefined) throw new UsageError("Give a task file, or a command after --, as in `muster run -n 3 -- 'echo hello'`");
  const { value, locate, warnings } = readFile(file);
  const input = resolve(file, value, wish, { submitterEnv, defaultName: nameOfFile(file), baseDir: dirname(userPath(file)), locate });
  return { ...input, warnings: [...warnings, ...input.warnings] };
}

/** The task that a command after `--` stands for. */
export function taskOfCommand(command: readonly string[]): TaskFile {
  return { commands: [shellLine(command)] };
}

/** The task with what the command line says in its place; of an environment variable given twice the command line's counts. */
export function withWishes(task: TaskFile, { nodes, name, env = [], fleet }: TaskWish): TaskFile {
  const scalars = Object.entries({ nodes, name, fleet }).filter(([, value]) => value !== undefined);
  const changed: TaskFile = { ...task, ...Object.fromEntries(scalars) };
  if (env.length === 0) return changed;
  const names = env.map(nameOf);
  const given = task['env'];
  if (Array.isArray(given)) {
    const kept = given.filter((entry) => typeof entry !== 'string' || !names.includes(nameOf(entry)));
    return { ...changed, env: [...kept, ...env] };
  }
  if (typeof given === 'object' && given !== null) {
    const kept = Object.entries(given).filter(([key]) => !names.includes(key));
    // The list can hold bare names, the map cannot.
    if (kept.every(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))) {
      return { ...changed, env: [...kept.map(([key, value]) => `${key}=${value}`), ...env] };
    }
    return changed;
  }
  return given === undefined || given === null ? { ...changed, env: [...env] } : changed;
}

function nameOf(entry: string): string {
  return entry.split('=', 1)[0] ?? entry;
}

function resolve(
  where: string,
  value: unknown,
  wish: TaskWish,
  how: { submitterEnv: NodeJS.ProcessEnv; defaultName: string; baseDir: string; locate?: Locate },
): TaskInput {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  const wished = isMap ? withWishes(value as TaskFile, wish) : value;
  const parsed = parseTask(wished, { ...how, unpacked: true });
  if (!parsed.ok) throw refuse(where, parsed.problems);
  const submit = { ...(wished as TaskFile), name: parsed.task.name };
  return { submit, task: parsed.task, warnings: parsed.warnings.map(describeProblem), baseDir: how.baseDir };
}

function readFile(file: string): { value: unknown; locate: Locate; warnings: string[] } {
  let text: string;
  try {
    text = readFileSync(userPath(file), 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const hint = code === 'ENOENT' ? 'there is no such file; a command stands after --' : code === 'EISDIR' ? 'it is a directory' : message;
    throw new UsageError(`The task file ${file} cannot be read: ${hint}`);
  }
  const read = readTaskYaml(text);
  if (!read.ok) throw refuse(file, read.problems);
  return { value: read.value, locate: read.locate, warnings: read.warnings.map(describeProblem) };
}

function refuse(where: string, problems: Problem[]): Exit {
  printError(`${where} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:`);
  for (const problem of problems) printError(`  ${describeProblem(problem)}`);
  return new Exit(EXIT.usage);
}

function nameOfFile(file: string): string {
  return slugName(basename(file).replace(/(\.dstack)?\.(ya?ml|json)$/i, '') || 'task');
}

function nameOfCommand(command: readonly string[]): string {
  const first = command.length === 1 ? (command[0] ?? '').trim().split(/\s/, 1)[0] : command[0];
  return slugName(basename(first ?? '').replace(/[^\w-]+/g, '-') || 'task');
}
