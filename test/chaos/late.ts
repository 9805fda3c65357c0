import { randomUUID } from 'node:crypto';
import type { RunNodeInput, StartNodeInput, StopNodeInput } from '../../spec/activities.js';
import * as messages from '../../spec/messages.js';
import type { Deed, Scene } from './faults.js';
import { activitiesOf, cellsOf, type Sent, signalsOf } from './histories.js';

const LIMIT_MS = 10_000;
/** What a run and its cells tell one another. */
const TO_RUN: readonly string[] = [messages.cellGathered, messages.nodesReleased, messages.nodesEnded, messages.nodesSilent, messages.nodeRestarted].map(
  ({ name }) => name,
);
const TO_CELL: readonly string[] = [messages.rosterSealed, messages.restartDecided].map(({ name }) => name);

/** Sends the run a signal again that it has had, or its newest cell one that it or an older cell has had. */
export async function sendStaleSignal({ stack, run }: Scene, choice: number): Promise<Deed> {
  try {
    const sent = await signalsOf(stack.client, run);
    const candidates: Sent[] = sent.filter(({ name, to }) => TO_RUN.includes(name) && to === run);
    const newest = (await cellsOf(stack.client, run)).at(-1);
    if (newest !== undefined) candidates.push(...sent.filter(({ name }) => TO_CELL.includes(name)).map((signal) => ({ ...signal, to: newest })));
    const signal = candidates[choice % Math.max(1, candidates.length)];
    if (!signal) return nothing('no signal was sent yet');
    const before = choice % 3 === 0 ? 2 : 1;
    for (let times = 0; times < before; times++) await stack.client.workflow.getHandle(signal.to).signal(signal.name, ...signal.args);
    return { host: null, what: `${signal.name} ${JSON.stringify(signal.args).slice(0, 200)} to ${signal.to}`, done: true };
  } catch (error) {
    return nothing(String(error));
  }
}

/**
 * Sends a host a task of an older generation again, as one would come that was on its way for long: any runNode and stopNode, and a startNode whose
 * gathering the host was told to call off.
 */
export async function sendLateActivity({ stack, run, status }: Scene, choice: number): Promise<Deed> {
  try {
    const generation = status()?.generation ?? 0;
    const cells = await cellsOf(stack.client, run);
    const all = (await Promise.all(cells.map((cell) => activitiesOf(stack.client, cell)))).flat();
    const late = all.filter((task) => isLate(task, all, generation));
    // A start is worth more than the rest: it would end what runs.
    const starts = late.filter(({ name }) => name === 'startNode');
    const candidates = starts.length > 0 && choice % 4 !== 0 ? starts : late;
    const task = candidates[choice % Math.max(1, candidates.length)];
    if (!task) return nothing('no task of an older generation');
    const limits = { scheduleToCloseTimeout: LIMIT_MS, heartbeatTimeout: 2_000, retry: { maximumAttempts: 1 } };
    await stack.client.activity.start(task.name, { id: `late-${randomUUID()}`, taskQueue: task.to, args: task.args, ...limits });
    return { host: null, what: `${task.name} to ${task.to}`, done: true };
  } catch (error) {
    return nothing(String(error));
  }
}

function isLate({ name, args, to }: Sent, all: readonly (Sent & { over: boolean })[], generation: number): boolean {
  if (name === 'runNode') return (args[0] as RunNodeInput).generation < generation;
  if (name === 'stopNode') return (args[0] as StopNodeInput).generation < generation;
  if (name !== 'startNode') return false;
  const { gathering } = args[0] as StartNodeInput;
  return all.some((other) => other.name === 'stopNode' && other.over && other.to === to && (other.args[0] as StopNodeInput).gathering === gathering);
}

function nothing(what: string): Deed {
  return { host: null, what, done: false };
}
