import type { Agent } from '../activities/host/agent.js';
import { readMachine } from '../activities/host/machine-state.js';
import type { NodeStart } from '../activities/host/node-start.js';

const EVERY_MS = 5_000;

/** Looks every few seconds at what is to be seen only by looking: how many nodes there are, and how much room. */
export function startSampler(agent: Agent, starts: () => NodeStart[]): { stop(): void } {
  const look = async () => {
    const states = { preparing: 0, running: 0, ending: 0 };
    for (const { record } of starts()) {
      if (record.end || record.ending) states.ending++;
      else if (record.stage === 'released') states.running++;
      else states.preparing++;
    }
    agent.metrics.nodes(states);
    const { disk } = await readMachine(agent.dataDir);
    if (disk) agent.metrics.disk(disk);
  };
  void look();
  const timer = setInterval(() => void look(), EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
