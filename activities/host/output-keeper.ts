import { boundOutput } from '../process/output-cap.js';
import type { Agent } from './agent.js';
import type { NodeStart } from './node-start.js';

const LOOK_EVERY_MS = 1_000;

const busy = new Set<string>();
let warned = false;

/** Holds the output of one start to the agent's cap. Never throws; one such look goes on at a time. */
export async function boundOnce(agent: Agent, dir: string): Promise<void> {
  if (agent.outputCapBytes === null || busy.has(dir)) return;
  busy.add(dir);
  const bounded = await boundOutput(dir, agent.outputCapBytes).catch(() => false);
  busy.delete(dir);
  if (bounded || warned) return;
  warned = true;
  agent.log.warn({ dir }, 'output cannot be held to its cap: this file system cannot free a part of a file (fallocate --punch-hole)');
}

/** Holds the output of every live start to the cap, by a look a second. */
export function keepOutputBounded(agent: Agent, live: () => readonly NodeStart[]): { stop(): void } {
  const timer = setInterval(() => {
    for (const start of live()) void boundOnce(agent, start.dir);
  }, LOOK_EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
