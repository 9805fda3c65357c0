import type { Path } from './problem.js';
import { elasticOf } from './resizing.js';
import { NO_RESTART, type Restart } from './restart.js';
import { restartOfRetry } from './retry.js';
import type { FieldValue, TaskField } from './schema.js';
import { DEFAULTS, type Task, type TaskGroup } from './task.js';
import { unknownName } from './template.js';

type Fields = { [K in TaskField]?: FieldValue<K> };

/** What is done when a node or a host fails, as `restart`, `retry`, `on_host_loss` and `queue_timeout` say together. */
export type Recovery = Pick<Task, 'restart' | 'onHostLoss' | 'queueTimeoutSeconds' | 'unmet'>;

/**
 * The recovery of a task. What does not go together is told to `refuse`. `groups`: empty where they were refused already;
 * then no name of a group is looked up.
 */
export function readRecovery(
  fields: Fields,
  given: Readonly<Record<string, unknown>>,
  groups: readonly TaskGroup[],
  refuse: (path: Path, message: string) => void,
): Recovery {
  const { restart, retry = null, on_host_loss: onHostLoss, queue_timeout: queueTimeout } = fields;
  if (restart !== undefined && retry !== null) refuse(['retry'], 'expected `restart` or `retry`, got both');
  checkRules(restart, groups, refuse);
  const asksToWait = retry?.events.includes('no-capacity') ?? false;
  const waits = asksToWait && retry ? retry.durationSeconds : DEFAULTS.queueTimeoutSeconds;
  return {
    restart: restart ?? (retry === null ? NO_RESTART : restartOfRetry(retry)),
    onHostLoss: onHostLoss ?? lossOf(fields, given),
    queueTimeoutSeconds: queueTimeout ?? waits,
    unmet: queueTimeout !== undefined || asksToWait ? 'wait' : 'refuse',
  };
}

function lossOf(fields: Fields, given: Readonly<Record<string, unknown>>): Task['onHostLoss'] {
  if (elasticOf(fields) !== null) return 'shrink';
  return asksToReplace(fields, given) ? 'replace' : 'fail';
}

// `restart: 0` asks for nothing; a map asks for something, if only for what its rules say.
function asksToReplace({ restart, retry }: Fields, given: Readonly<Record<string, unknown>>): boolean {
  if (restart !== undefined) return restart.attempts > 0 || typeof given['restart'] === 'object';
  return retry?.events.includes('interruption') ?? false;
}

function checkRules(restart: Restart | undefined, groups: readonly TaskGroup[], refuse: (path: Path, message: string) => void): void {
  if (groups.length === 0) return;
  for (const [index, rule] of (restart?.rules ?? []).entries()) {
    for (const [at, name] of rule.groups.entries()) {
      if (!groups.some((group) => group.name === name)) refuse(['restart', 'rules', index, 'groups', at], unknownName(name, groups));
    }
  }
}
