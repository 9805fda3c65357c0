import { hostname } from 'node:os';
import { ApplicationFailure, activityInfo, CompleteAsyncError, Context, heartbeat } from '@temporalio/activity';
import type { HostActivities, HostAddressee, StopNodeInput } from '../../spec/activities.js';
import type { CommandActivities } from '../../spec/commands.js';
import { cookie, cookiePrefix, gatheringBase } from '../../spec/ids.js';
import { endCarriers as endAll } from '../process/terminate.js';
import type { Agent } from './agent.js';
import { inTime } from './call.js';
import { bury } from './called-off.js';
import { readMachine } from './machine-state.js';
import { watchPeer } from './peers.js';
import { readChunk } from './read-output.js';
import { runCommand } from './run-command.js';
import type { Seats } from './seats.js';
import { listStarts, readStart } from './store.js';

/** An agent that meets newcomers says so often that it lives. */
const UPDATE_BEAT_MS = 1_000;

/** The activities of one host, over its agent and the starts that it knows. */
export function createHostActivities(agent: Agent, seats: Seats): HostActivities & CommandActivities {
  const noteTime = () => agent.clock.note(activityInfo().currentAttemptScheduledTimestampMs);
  return {
    async startNode(input) {
      noteTime();
      await refuseForeign(input, input.run.runId);
      const { highestGeneration, startNumber, freePort } = await seats.prepare(input, async () => {
        const { taskToken } = activityInfo();
        await inTime(agent.client, () => agent.client.activity.heartbeat(taskToken));
      });
      const { host, told, gpus } = agent;
      return { host, candidates: agent.candidates(), told, port: agent.peers.port, gpus, freePort, highestGeneration, startNumber };
    },

    async runNode(input) {
      noteTime();
      await refuseForeign(input, input.run.runId);
      const info = activityInfo();
      const start = await seats.find(input);
      if ('kind' in start) return start;
      if (start.record.end) return start.record.end;
      // Late work does not start: nobody is released before rank 0 has heard that its task is still wanted.
      if (input.rank === 0) await inTime(agent.client, () => agent.client.activity.heartbeat(info.taskToken));
      // Counted from the server's clock, and then on this host's: the two may differ by hours.
      const leftMs = Math.max(0, input.barrierDeadlineMs - info.currentAttemptScheduledTimestampMs);
      const workflowId = info.workflowExecution?.workflowId ?? '';
      start.begin({ token: info.taskToken, activityId: info.activityId, workflowId }, input, Date.now() + leftMs);
      throw new CompleteAsyncError();
    },

    async updateNode(input) {
      noteTime();
      await refuseForeign(input, input.run.runId);
      const info = activityInfo();
      const { cancellationSignal } = Context.current();
      const resizing = seats.resizingOf(input);
      if (resizing === undefined) {
        const message = `host ${agent.host} does not know start ${input.startNumber} of the run`;
        return { kind: 'failed', failure: { type: 'Superseded', message }, unreachable: [] };
      }
      if (input.rank === 0) await inTime(agent.client, () => agent.client.activity.heartbeat(info.taskToken));
      const leftMs = Math.max(0, input.barrierDeadlineMs - info.currentAttemptScheduledTimestampMs);
      const beats = setInterval(() => heartbeat(), UPDATE_BEAT_MS);
      try {
        return await resizing.take(input, Date.now() + leftMs, cancellationSignal);
      } finally {
        clearInterval(beats);
      }
    },

    async stopNode(input) {
      const { run, generation, gathering } = input;
      const signal = input.stopSignal as NodeJS.Signals;
      const graceMs = input.graceSeconds * 1000;
      const { meant, spared } = sortStarts(agent, input);
      bury(agent, run.runId, { generation, startNumber: generation > 0 ? Math.max(0, ...meant) : 0, gathering });
      const starts = seats.ofRun(run.runId).filter(({ record }) => !spared.includes(record.startNumber));
      const all = await Promise.all(starts.map((start) => start.stop({ type: 'Stopped', message: 'the run stopped its nodes' }, signal, graceMs)));
      // By number where numbers are known: a newer start may come to life meanwhile.
      const cookies =
        gathering === null || meant.length === 0 ? [cookiePrefix(run.runId, agent.host)] : meant.map((number) => cookie(run.runId, agent.host, number));
      const carriers = spared.length > 0 && meant.length === 0 ? [] : await Promise.all(cookies.map((each) => endAll({ cookie: each, signal, graceMs })));
      return { clean: [...all, ...carriers.map(({ clean }) => clean)].every(Boolean) };
    },

    async watchPeer(input) {
      noteTime();
      await refuseForeign(input, input.run.runId);
      void watchPeer(agent, input, activityInfo().taskToken);
      throw new CompleteAsyncError();
    },

    readOutput: (input) => readChunk(agent, seats, input),

    startCommand: (input) => runCommand(agent, seats, input),
    readCommand: (input) => agent.commands.read(input),
    feedCommand: (input) => agent.commands.feed(input),
    async signalCommand(input) {
      agent.commands.signal(input);
    },

    async describeHost() {
      noteTime();
      return {
        host: agent.host,
        identity: agent.identity,
        pid: process.pid,
        version: `${agent.version} on ${hostname()}`,
        machine: await readMachine(agent.dataDir),
      };
    },
  };

  /** A task for another data directory: that state is lost; what it left behind is ended before anything else. */
  async function refuseForeign({ identity }: HostAddressee, runId: string): Promise<void> {
    if (identity === agent.identity) return;
    await endAll({ cookie: cookiePrefix(runId, agent.host), signal: 'SIGKILL', graceMs: 0 });
    const message = `The agent of ${agent.host} has another data directory than the one that was gathered; what the run had there is lost`;
    throw ApplicationFailure.nonRetryable(message, 'HostStateLost');
  }
}

/** The numbers of the starts that a stop is about, and of those that came after what it stops. */
function sortStarts(agent: Agent, { run, generation, gathering }: StopNodeInput): { meant: number[]; spared: number[] } {
  const numbers = listStarts(agent.dataDir, run.runId);
  const isNewer = (number: number) => {
    const start = readStart(agent.dataDir, run.runId, number);
    if (gathering === null || start === undefined || gatheringBase(start.gathering) === gathering) return false;
    return start.generation === 0 ? start.end === null : start.generation > generation;
  };
  const spared = numbers.filter(isNewer);
  return { meant: numbers.filter((number) => !spared.includes(number)), spared };
}
