import type { RunNodeInput } from '../../spec/activities.js';
import type { UnreachablePair } from '../../spec/nodes.js';
import type { Roster } from '../../spec/roster.js';
import type { Startup } from '../../spec/task/startup.js';
import { joinMeeting } from '../network/barrier.js';
import type { FirstWave, HostedMeeting } from '../network/meeting.js';
import { type PeerPlace, type ProofTerms, peersToProve, provePeers } from '../network/proofs.js';
import { readProgram } from '../process/start-dir.js';
import type { Agent } from './agent.js';
import { writeNodeFiles } from './node-files.js';
import { keepRoster } from './rosters.js';
import { type StartRecord, startDir } from './store.js';

/** Who has not called rank 0 by then is called by it: is the way closed, and in which direction? */
const LOOK_FOR_ABSENT_MS = 6_000;
const ABSENT_LIMIT_MS = 2_500;

/**
 * Meets the other nodes of the generation: prepares this node from the roster, proves its ways to its peers, waits until all are ready, calls `go` when
 * rank 0 releases its wave, and `up` then where the others wait for this one. Rank 0's agent, started anew after the release, only lets the others
 * pass. Rejects with `BarrierBroken` when the deadline passes or ways are closed, with anything else when this node could not be prepared.
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
  const isReleased = () => readProgram(startDir(agent.dataDir, run.runId, record.startNumber)) !== undefined;
  const proofs: ProofTerms = { runId: run.runId, generation, digest, token, from: rank, localAddress: input.address, signal: meeting.signal };
  const prepare = async (bytes: string): Promise<UnreachablePair[]> => {
    // A program that goes already has read its files.
    if (isReleased()) return [];
    const peers = peersOf(bytes, peersToProve(input.preflight, rank, input.nodes, digest));
    const proving = provePeers(proofs, peers);
    proving.catch(() => {});
    keepRoster(agent.dataDir, run.runId, bytes);
    await writeNodeFiles(agent, record, startReason, bytes);
    return await proving;
  };
  const known = agent.peers.meetPeers({ runId: run.runId, generation, digest, token, rank });
  try {
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
      const looking = alreadyReleased || input.preflight === 'off' ? undefined : lookForAbsent(hosted, proofs, rosterBytes);
      try {
        hosted.ready(alreadyReleased ? [] : await prepare(rosterBytes));
        const up = saysUp && !alreadyReleased ? gone.then(meeting.up).then(() => hosted.up()) : undefined;
        await Promise.all([hosted.released, up]);
      } finally {
        clearTimeout(looking);
      }
      return;
    }
    const patienceMs = startup.order === 'any' ? 0 : meeting.patienceMs;
    const terms = { ...common, rank, ...input.rendezvous, localAddress: input.address, saysUp, patienceMs };
    await joinMeeting(terms, { onRoster: prepare, onGo: meeting.go, onUp: meeting.up });
  } finally {
    known.close();
  }
}

/** A node that cannot call rank 0 cannot tell of it either: rank 0 calls it, and ends the meeting where that shows a closed way. An agent that is just being started anew refuses, and is waited for. */
function lookForAbsent(hosted: HostedMeeting, proofs: ProofTerms, rosterBytes: string): NodeJS.Timeout {
  const look = async () => {
    const absent = hosted.absent();
    if (absent.length === 0) return;
    const closed = await provePeers(proofs, peersOf(rosterBytes, absent), ABSENT_LIMIT_MS);
    const still = hosted.absent().filter((rank) => absent.includes(rank));
    const pairs = still.flatMap((rank): UnreachablePair[] => {
      const there = closed.find(({ to }) => to === rank);
      if (there?.why === 'refused') return [];
      return [{ from: rank, to: 0, why: 'never connected' }, ...(there ? [there] : [])];
    });
    if (pairs.length > 0) hosted.giveUp(pairs);
  };
  return setTimeout(() => void look().catch(() => undefined), LOOK_FOR_ABSENT_MS).unref();
}

function peersOf(rosterBytes: string, ranks: readonly number[]): PeerPlace[] {
  if (ranks.length === 0) return [];
  const { nodes } = JSON.parse(rosterBytes) as Roster;
  return ranks.flatMap((rank) => {
    const node = nodes[rank];
    return node ? [{ rank, address: node.address, port: node.port }] : [];
  });
}

const FIRST: Readonly<Record<Startup['order'], FirstWave>> = { any: 'all', 'master-first': 'master', 'workers-first': 'workers' };

/** Is this rank released first, with others that wait until it is up? */
export function isFirstWave({ order }: Startup, rank: number): boolean {
  return order !== 'any' && (order === 'master-first') === (rank === 0);
}
