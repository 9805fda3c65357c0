import { describeSeconds } from '../spec/task/duration.js';
import { describeNodes } from '../spec/task/elastic.js';
import { parseTask } from '../spec/task/parse.js';
import type { Task } from '../spec/task/task.js';
import { InvalidTask } from './errors.js';
import type { TaskFile } from './task-file.js';

export type { TaskFile } from './task-file.js';

/** The Web UI asks for them to be rendered in an address, which a proxy may cut at 8 KB. */
const MOST_CHARACTERS = 700;
const MOST_GROUPS = 3;

/** A task as it is sent, and what it means. Throws `InvalidTask` with every problem. */
export function readSubmitted(task: TaskFile, env: Record<string, string | undefined>, defaultName: string): { submitted: TaskFile; parsed: Task } {
  const submitted = withSubmitterEnv(task, env);
  const parsed = parseTask(submitted, { defaultName, submitterEnv: env, unpacked: true });
  if (!parsed.ok) throw new InvalidTask(parsed.problems);
  return { submitted, parsed: parsed.task };
}

/** The line that the Temporal Web UI shows for a run. */
function summaryOf({ name, nodes, elastic, fleet }: Task): string {
  return `${name}: ${describeNodes(nodes, elastic)} of the fleet ${fleet}`;
}

/** What the Temporal Web UI shows of a run that is about to be started: a line, a page of Markdown, and what stands in its memo. */
export function metadataOf(task: Task): { staticSummary: string; staticDetails: string; memo: Record<string, unknown> } {
  const { name, nodes, fleet } = task;
  return { staticSummary: summaryOf(task), staticDetails: detailsOf(task), memo: { name, nodes, fleet } };
}

/** Never the values of `env`. */
function detailsOf({ groups, nodes, elastic, fleet, restart, onHostLoss, maxDurationSeconds }: Task): string {
  const facts = [
    `${describeNodes(nodes, elastic)} of the fleet ${fleet}`,
    restart.attempts > 0 ? `${restart.attempts} restart${restart.attempts === 1 ? '' : 's'}${restart.scope === 'node' ? ' for each node' : ''}` : 'no restarts',
    `on_host_loss: ${onHostLoss}`,
    ...(maxDurationSeconds === null ? [] : [`max_duration: ${describeSeconds(maxDurationSeconds)}`]),
  ];
  const programs = groups.slice(0, MOST_GROUPS).flatMap(({ name, nodes: of, commands }) => {
    const head = groups.length === 1 ? 'Every node runs:' : `Group \`${name}\`, ${of} node${of === 1 ? '' : 's'}:`;
    return [head, asCode(commands.join('\n'))];
  });
  const more = groups.length > MOST_GROUPS ? [`and ${groups.length - MOST_GROUPS} more groups`] : [];
  return [facts.join(' · '), ...programs, ...more].join('\n\n');
}

function asCode(commands: string): string {
  const lines = commands.slice(0, MOST_CHARACTERS).split('\n');
  return [...lines, ...(commands.length > MOST_CHARACTERS ? ['…'] : [])].map((line) => `    ${line}`).join('\n');
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
