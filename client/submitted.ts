/** A task as its file holds it: `{ nodes: 3, commands: ['…'] }`. docs/task-file.md has every key. */
export type TaskFile = Record<string, unknown>;

/**
 * The task with the bare names in its `env` list given values from the submitter's environment: the workflow
 * that reads it next has no such environment. A name that is not there stays bare, and is a problem then.
 */
export function withSubmitterEnv(task: TaskFile, env: Record<string, string | undefined>): TaskFile {
  const given = task['env'];
  if (!Array.isArray(given)) return task;
  const filled = given.map((entry: unknown) => {
    if (typeof entry !== 'string' || entry.includes('=')) return entry;
    const value = Object.hasOwn(env, entry) ? env[entry] : undefined;
    return value === undefined ? entry : `${entry}=${value}`;
  });
  return { ...task, env: filled };
}
