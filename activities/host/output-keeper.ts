import { boundOutput } from '../process/output-cap.js';
import type { Agent } from './agent.js';
import type { NodeStart } from './node-start.js';

const LOOK_EVERY_MS = 1_000;
/** So precise are the times of lines. A look is one system call. */
const NOTE_EVERY_MS = 100;

/** A file system that cannot do it is not asked every second: each try costs a process. */
const AGAIN_AFTER_MS = 60_000;

/** Starts that are looked at, and whether they are to be looked at once more: the last look may come during another. */
const busy = new Map<string, { again: boolean }>();
const failedAtMs = new Map<string, number>();
let warned = false;

/** Holds the output of one start to the agent's cap. Never throws; one such look goes on at a time, and what is asked for meanwhile follows it. */
export async function boundOnce(agent: Agent, dir: string): Promise<void> {
  const { outputCapBytes } = agent;
  if (outputCapBytes === null) return;
  const going = busy.get(dir);
  if (going) {
    going.again = true;
    return;
  }
  const look = { again: true };
  busy.set(dir, look);
  while (look.again) {
    look.again = false;
    await tryToBound(agent, dir, outputCapBytes);
  }
  busy.delete(dir);
}

async function tryToBound(agent: Agent, dir: string, capBytes: number): Promise<void> {
  if (performance.now() - (failedAtMs.get(dir) ?? Number.NEGATIVE_INFINITY) < AGAIN_AFTER_MS) return;
  const bounded = await boundOutput(dir, capBytes).catch(() => false);
  if (bounded) failedAtMs.delete(dir);
  else failedAtMs.set(dir, performance.now());
  if (bounded || warned) return;
  warned = true;
  agent.log.warn(
    { event: 'output-unbounded', dir },
    'output cannot be held to its cap: this file system cannot free a part of a file (fallocate --punch-hole)',
  );
}

/** Looks after the output of every live start: notes when it grows, ten times a second, and holds it to the cap, by a look a second. */
export function keepOutput(agent: Agent, live: () => readonly NodeStart[]): { stop(): void } {
  const notes = setInterval(() => {
    for (const start of live()) start.times.note();
  }, NOTE_EVERY_MS);
  const looks = setInterval(() => {
    for (const start of live()) void boundOnce(agent, start.dir);
  }, LOOK_EVERY_MS);
  notes.unref();
  looks.unref();
  return {
    stop: () => {
      clearInterval(notes);
      clearInterval(looks);
    },
  };
}
