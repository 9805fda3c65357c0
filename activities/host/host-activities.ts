import { hostname } from 'node:os';
import { ApplicationFailure, activityInfo, CompleteAsyncError } from '@temporalio/activity';
import type { HostActivities, HostAddressee, OutputChunk, ReadOutputInput } from '../../spec/activities.js';
import { cookiePrefix } from '../../spec/ids.js';
import { readOutput, waitForOutput } from '../process/output.js';
import { endCarriers as endAll } from '../process/terminate.js';
import type { Agent } from './agent.js';
import type { Seats } from './seats.js';
import { listStarts, raiseTombstone, readStart, startDir } from './store.js';

/** The activities of one host, over its agent and the starts that it knows. */
export function createHostActivities(agent: Agent, seats: Seats): HostActivities {
  return {
    async startNode(input) {
      await refuseForeign(input, input.run.runId);
      const { highestGeneration, startNumber } = await seats.prepare(input, async () => {
        await agent.client.activity.heartbeat(activityInfo().taskToken);
      });
      const { host, address, gpus } = agent;
      return { host, address, interface: agent.interface, port: agent.peers.port, gpus, highestGeneration, startNumber };
    },

    async runNode(input) {
      await refuseForeign(input, input.run.runId);
      const info = activityInfo();
      const start = await seats.find(input);
      if ('kind' in start) return start;
      if (start.record.end) return start.record.end;
      // Late work does not start: nobody is released before rank 0 has heard that its task is still wanted.
      if (input.rank === 0) await agent.client.activity.heartbeat(info.taskToken);
      // Counted from the server's clock, and then on this host's: the two may differ by hours.
      const leftMs = Math.max(0, input.barrierDeadlineMs - info.currentAttemptScheduledTimestampMs);
      const workflowId = info.workflowExecution?.workflowId ?? '';
      start.begin({ token: info.taskToken, activityId: info.activityId, workflowId }, input, Date.now() + leftMs);
      throw new CompleteAsyncError();
    },

    async stopNode(input) {
      const { run, generation, gathering } = input;
      const signal = input.stopSignal as NodeJS.Signals;
      const graceMs = input.graceSeconds * 1000;
      const startNumber = Math.max(0, ...listStarts(agent.dataDir, run.runId));
      raiseTombstone(agent.dataDir, run.runId, { generation, startNumber: generation > 0 ? startNumber : 0, gathering });
      const message = 'the run stopped its nodes';
      const all = await Promise.all(seats.ofRun(run.runId).map((start) => start.stop({ type: 'Stopped', message }, signal, graceMs)));
      const clean = await endCarriers(run.runId, signal, graceMs);
      return { clean: clean && all.every(Boolean) };
    },

    readOutput: (input) => readChunk(agent, seats, input),

    async describeHost() {
      return { host: agent.host, identity: agent.identity, pid: process.pid, version: `${agent.version} on ${hostname()}` };
    },
  };

  /** A task for another data directory: that state is lost; what it left behind is ended before anything else. */
  async function refuseForeign({ identity }: HostAddressee, runId: string): Promise<void> {
    if (identity === agent.identity) return;
    await endCarriers(runId, 'SIGKILL', 0);
    const message = `The agent of ${agent.host} has another data directory than the one that was gathered; what the run had there is lost`;
    throw ApplicationFailure.nonRetryable(message, 'HostStateLost');
  }

  /** Ends what carries a cookie of the run on this host, known to this agent or not. */
  async function endCarriers(runId: string, signal: NodeJS.Signals, graceMs: number): Promise<boolean> {
    return (await endAll({ cookie: cookiePrefix(runId, agent.host), signal, graceMs })).clean;
  }
}

async function readChunk(agent: Agent, seats: Seats, input: ReadOutputInput): Promise<OutputChunk> {
  const { runId, offset } = input;
  const startNumber = input.startNumber ?? Math.max(0, ...listStarts(agent.dataDir, runId));
  const dir = startDir(agent.dataDir, runId, startNumber);
  const live = seats.get(runId, startNumber);
  const wasEnded = (live?.record ?? readStart(agent.dataDir, runId, startNumber))?.end != null;
  const maxBytes = Math.min(input.maxBytes, 256 * 1024);
  let chunk = await readOutput(dir, offset, maxBytes);
  if (chunk.data.length === 0 && !wasEnded && input.waitMs > 0) {
    const over = new AbortController();
    void live?.ended.then(() => over.abort());
    await waitForOutput(dir, offset, Math.min(input.waitMs, 5_000), over.signal);
    chunk = await readOutput(dir, offset, maxBytes);
  }
  const end = wasEnded && chunk.nextOffset >= chunk.size;
  return { startNumber, data: chunk.data.toString('base64'), nextOffset: chunk.nextOffset, end };
}
