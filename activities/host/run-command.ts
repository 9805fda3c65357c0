import type { CommandStarted, StartCommandInput } from '../../spec/commands.js';
import { readExit } from '../process/start-dir.js';
import type { Agent } from './agent.js';
import type { NodeStart } from './node-start.js';
import type { Seats } from './seats.js';

/** Runs a command beside the program of a run's node, in the start that was named or a newer one. */
export async function runCommand(agent: Agent, seats: Seats, input: StartCommandInput): Promise<CommandStarted> {
  const start = seats.ofRun(input.runId).findLast(({ record }) => record.startNumber >= input.startNumber);
  if (start === undefined) return { kind: 'refused', message: 'it runs no node of the run now' };
  const { record, cookie, dir } = start;
  const isLive = () => isRunning(start) && seats.get(input.runId, record.startNumber) === start;
  if (!isLive()) return { kind: 'refused', message: `node ${record.rank} ${howItIs(start)}` };
  return agent.commands.start(input, { cookie, dir, startNumber: record.startNumber, isLive, baseEnv: agent.baseEnv });
}

function isRunning({ record, dir }: NodeStart): boolean {
  return record.stage === 'released' && record.end === null && readExit(dir) === undefined;
}

function howItIs({ record, dir }: NodeStart): string {
  if (record.end !== null || readExit(dir) !== undefined) return 'has ended';
  return record.ending === null ? 'is not running yet' : 'is being ended';
}
