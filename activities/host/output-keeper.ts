import { boundOutput } from '../process/output-cap.js';
import type { Agent } from './agent.js';
import type { NodeStart } from './node-start.js';

const LOOK_EVERY_MS = 1_000;

/** Holds the output of every live start to a cap, by a look a second. */
export function keepOutputBounded(agent: Agent, live: () => readonly NodeStart[], capBytes: number): { stop(): void } {
  const busy = new Set<string>();
  let warned = false;
  const look = async ({ dir }: NodeStart) => {
    if (busy.has(dir)) return;
    busy.add(dir);
    const bounded = await boundOutput(dir, capBytes).catch(() => false);
    busy.delete(dir);
    if (bounded || warned) return;
    warned = true;
    agent.log.warn({ dir }, 'output cannot be held to its cap: this file system cannot free a part of a file (fallocate --punch-hole)');
  };
  const timer = setInterval(() => {
    for (const start of live()) void look(start);
  }, LOOK_EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
