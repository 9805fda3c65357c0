import { describeNodes } from '../spec/task/elastic.js';
import { parseTask } from '../spec/task/parse.js';
import type { Task } from '../spec/task/task.js';
import { InvalidTask } from './errors.js';
import type { TaskFile } from './task-file.js';

export type { TaskFile } from './task-file.js';

/** A task as it is sent, and what it means. Throws `InvalidTask` with every problem. */
export function readSubmitted(task: TaskFile, env: Record<string, string | undefined>, defaultName: string): { submitted: TaskFile; parsed: Task } {
  const submitted = withSubmitterEnv(task, env);
  const parsed = parseTask(submitted, { defaultName, submitterEnv: env, unpacked: true });
  if (!parsed.ok) throw new InvalidTask(parsed.problems);
  return { submitted, parsed: parsed.task };
}

/** The line that the Temporal Web UI shows for a run. */
export function summaryOf({ name, nodes, elastic, fleet }: Task): string {
  return `${name}: ${describeNodes(nodes, elastic)} of the fleet ${fleet}`;
}

/**
 * The task with the bare names in its `env` list given values from the submitter's environment: the workflow
 * that reads it next has no such environment. A name that is not there stays bare, and is a problem then.
 */
export function withSubmitterEnv(task: TaskFile, env: Record<string, string | undefined>): TaskFile {
  const given = task.env;
  if (!Array.isArray(given)) return task;
  const filled = given.map((entry) => {
    // What was parsed from a file can be anything.
    if (typeof entry !== 'string' || entry.includes('=')) return entry;
    const value = Object.hasOwn(env, entry) ? env[entry] : undefined;
    return value === undefined ? entry : `${entry}=${value}`;
  });
  return { ...task, env: filled };
}
