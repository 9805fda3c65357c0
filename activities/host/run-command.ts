import type { CommandStarted, StartCommandInput } from '../../spec/commands.js';
import { readExit } from '../process/start-dir.js';
import type { Agent } from './agent.js';
import type { NodeStart } from './node-start.js';
import type { Seats } from './seats.js';

/** Runs a command beside the program of a run's node, in the start that was named or a newer one. */
export async function runCommand(agent: Agent, seats: Seats, input: StartCommandInput): Promise<CommandStarted> {
  const wrong = whatIsWrong(input);
  if (wrong !== undefined) return { kind: 'refused', message: wrong };
  const start = seats.ofRun(input.runId).findLast(({ record }) => record.startNumber >= input.startNumber);
  if (start === undefined) return { kind: 'refused', message: 'it runs no node of the run now' };
  const { record, cookie, dir } = start;
  const isLive = () => isRunning(start) && seats.get(input.runId, record.startNumber) === start;
  if (!isLive() || record.ending !== null) return { kind: 'refused', message: `node ${record.rank} ${howItIs(start)}` };
  return agent.commands.start(input, { cookie, dir, startNumber: record.startNumber, isLive, baseEnv: agent.baseEnv });
}

/** An id becomes part of a file's name, and a timer takes no longer time: it would be over at once. */
function whatIsWrong({ id, leaseMs, limitMs }: StartCommandInput): string | undefined {
  if (typeof id !== 'string' || !/^[\w-]{1,64}$/.test(id)) return "a command's id is 1 to 64 letters, digits, `_` and `-`";
  const isTime = (ms: number) => Number.isFinite(ms) && ms >= 1 && ms <= LONGEST_MS;
  return isTime(leaseMs) && isTime(limitMs) ? undefined : `leaseMs and limitMs are from 1 to ${LONGEST_MS}`;
}

const LONGEST_MS = 2 ** 31 - 1;

function isRunning({ record, dir }: NodeStart): boolean {
  return record.stage === 'released' && record.end === null && readExit(dir) === undefined;
}

function howItIs({ record, dir }: NodeStart): string {
  if (record.end !== null || readExit(dir) !== undefined) return 'has ended';
  return record.ending === null ? 'is not running yet' : 'is being ended';
}
