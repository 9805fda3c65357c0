import type { RunNodeInput } from '../../spec/activities.js';
import { joinMeeting } from '../network/barrier.js';
import type { Agent } from './agent.js';
import { writeNodeFiles } from './node-files.js';
import type { StartRecord } from './store.js';

/**
 * Meets the other nodes of the generation: prepares this node from the roster, waits until all are ready, calls `go` when
 * rank 0 releases. Rank 0's agent, started anew after the release, only lets the others pass. Rejects with `BarrierBroken` when the deadline passes, with anything else when this node could not be prepared.
 */
export async function meet(
  agent: Agent,
  record: StartRecord,
  input: RunNodeInput,
  meeting: { deadlineAtMs: number; signal: AbortSignal; go: () => void; alreadyReleased: boolean },
): Promise<void> {
  const { run, generation, digest, token, rank, startReason } = input;
  const common = { runId: run.runId, generation, digest, token, deadlineAt: meeting.deadlineAtMs, signal: meeting.signal };
  const prepare = (bytes: string) => writeNodeFiles(agent, record, startReason, bytes);
  if (rank === 0 && input.rosterBytes !== null) {
    const { nodes, rosterBytes } = input;
    const { alreadyReleased } = meeting;
    const hosted = agent.peers.host({ ...common, nodes, rosterBytes, alreadyReleased }, { onGo: meeting.go });
    if (!alreadyReleased) await prepare(rosterBytes);
    hosted.ready();
    await hosted.released;
    return;
  }
  await joinMeeting({ ...common, rank, ...input.rendezvous, localAddress: agent.address }, { onRoster: prepare, onGo: meeting.go });
}
