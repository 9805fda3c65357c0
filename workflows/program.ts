import type { Program } from '../spec/nodes.js';
import type { Task } from '../spec/task/task.js';
import type { RunRecord } from './run-record.js';

/** What all nodes have in common. */
export function programOf(task: Task, { scheduledTime }: Pick<RunRecord, 'scheduledTime'>): Omit<Program, 'commands'> {
  const { shell, env, workingDir, startup, nodesEnv, dialects, archives, repo } = task;
  const { stopSignal, stopDurationSeconds, hostTimeoutSeconds, health, onResize, fencing } = task;
  return {
    ...{ shell, env, workingDir, startup, nodesEnv, dialects, archives, repo },
    ...{ stopSignal, stopDurationSeconds, hostTimeoutSeconds, health, onResize, fencing, scheduledTime },
  };
}
