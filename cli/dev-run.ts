import type { Task } from '../spec/task/task.js';
import { counted } from '../spec/words.js';
import type { DevStack } from '../workers/dev-stack.js';
import { EXIT, Exit, UsageError } from './exit.js';
import type { Interrupts } from './interrupts.js';
import { onlyOnLinux } from './linux.js';
import { say } from './print.js';

/** The stack for one run. An interrupt while it starts ends it and throws `Exit`. */
export async function startFor(hosts: number, task: Task, interrupts: Interrupts): Promise<DevStack> {
  onlyOnLinux('--dev');
  if (hosts < task.nodes) throw new UsageError(`${counted(hosts, 'host')} cannot hold ${task.nodes} nodes: one node runs on a host`);
  if (task.groups.some(({ where }) => Object.keys(where).length > 0)) throw new UsageError('`where` asks for labels, and the hosts of --dev have none');
  const { startDevStack } = await import('../workers/dev-stack.js');
  say(`starting a Temporal and ${counted(hosts, 'host')} on this machine, for this command only`);
  try {
    const stack = await startDevStack({ hosts, inMemory: true, say, signal: interrupts.early });
    say(`Web UI: ${stack.uiUrl}`);
    return stack;
  } catch (error) {
    interrupts.dispose();
    if (interrupts.early.aborted) throw new Exit(interrupts.exitCode ?? EXIT.SIGINT);
    throw error;
  }
}
