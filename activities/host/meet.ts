import type { RunNodeInput } from '../../spec/activities.js';
import type { Startup } from '../../spec/task/startup.js';
import { joinMeeting } from '../network/barrier.js';
import type { FirstWave } from '../network/meeting.js';
import { readProgram } from '../process/start-dir.js';
import type { Agent } from './agent.js';
import { writeNodeFiles } from './node-files.js';
import { keepRoster } from './rosters.js';
import { type StartRecord, startDir } from './store.js';

/**
 * Meets the other nodes of the generation: prepares this node from the roster, waits until all are ready, calls `go` when
 * rank 0 releases its wave, and `up` then where the others wait for this one. Rank 0's agent, started anew after the release, only lets the others pass. Rejects with `BarrierBroken` when the deadline passes, with anything else when this node could not be prepared.
 */
export async function meet(
  agent: Agent,
  record: StartRecord,
  input: RunNodeInput,
  meeting: { deadlineAtMs: number; patienceMs: number; signal: AbortSignal; go: () => void; up: () => Promise<void>; alreadyReleased: boolean },
): Promise<void> {
  const { run, generation, digest, token, rank, startReason } = input;
  const common = { runId: run.runId, generation, digest, token, deadlineAt: meeting.deadlineAtMs, signal: meeting.signal };
  const { startup } = record.program;
  const saysUp = isFirstWave(startup, rank);
  const prepare = async (bytes: string) => {
    // A program that goes already has read its files.
    if (readProgram(startDir(agent.dataDir, run.runId, record.startNumber))) return;
    keepRoster(agent.dataDir, run.runId, bytes);
    await writeNodeFiles(agent, record, startReason, bytes);
  };
  if (rank === 0 && input.rosterBytes !== null) {
    const { nodes, rosterBytes } = input;
    const { alreadyReleased } = meeting;
    let went = () => {};
    const gone = new Promise<void>((resolve) => {
      went = resolve;
    });
    const onGo = () => {
      meeting.go();
      went();
    };
    const hosted = agent.peers.host({ ...common, nodes, first: FIRST[startup.order], rosterBytes, alreadyReleased }, { onGo });
    if (!alreadyReleased) await prepare(rosterBytes);
    hosted.ready();
    const up = saysUp && !alreadyReleased ? gone.then(meeting.up).then(() => hosted.up()) : undefined;
    await Promise.all([hosted.released, up]);
    return;
  }
  const patienceMs = startup.order === 'any' ? 0 : meeting.patienceMs;
  const terms = { ...common, rank, ...input.rendezvous, localAddress: input.address, saysUp, patienceMs };
  await joinMeeting(terms, { onRoster: prepare, onGo: meeting.go, onUp: meeting.up });
}

const FIRST: Readonly<Record<Startup['order'], FirstWave>> = { any: 'all', 'master-first': 'master', 'workers-first': 'workers' };

/** Is this rank released first, with others that wait until it is up? */
export function isFirstWave({ order }: Startup, rank: number): boolean {
  return order !== 'any' && (order === 'master-first') === (rank === 0);
}
