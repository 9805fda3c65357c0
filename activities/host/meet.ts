import type { MeetingInput } from '../../spec/activities.js';
import type { UnreachablePair } from '../../spec/nodes.js';
import type { Roster } from '../../spec/roster.js';
import type { Startup } from '../../spec/task/startup.js';
import { joinMeeting } from '../network/barrier.js';
import type { FirstWave } from '../network/meeting.js';
import { mayPass, type PeerPlace, PROOF_MS, type ProofTerms, peersToProve, provePeers } from '../network/proofs.js';
import type { Agent } from './agent.js';
import type { StartRecord } from './store.js';

/** Who has not called rank 0 by then has no way to it, if rank 0 has tried the other direction meanwhile. */
const LOOK_FOR_ABSENT_MS = PROOF_MS + 500;

/** How a node meets the others. */
export interface MeetingPlan {
  deadlineAtMs: number;
  /** How long after the deadline the second wave may still have to wait. */
  patienceMs: number;
  signal: AbortSignal;
  /** Its program goes already, and has read its files: there is nothing to make ready, and nothing to prove. */
  isDone: () => boolean;
  /** Makes the node ready with the roster's bytes. */
  prepare: (bytes: string) => Promise<void>;
  /** Hosts to which the way was proven in an earlier generation. */
  proven: readonly string[];
  go: () => void;
  up: () => Promise<void>;
  alreadyReleased: boolean;
}

/**
 * Meets the other nodes of the generation: prepares this node from the roster, proves its ways to its peers, waits until all are ready, calls `go` when
 * rank 0 releases its wave, and `up` then where the others wait for this one. Rank 0's agent, started anew after the release, only lets the others
 * pass. Rejects with `BarrierBroken` when the deadline passes or ways are closed, with anything else when this node could not be prepared.
 */
export async function meet(agent: Agent, record: StartRecord, input: MeetingInput, plan: MeetingPlan): Promise<void> {
  const { run, generation, digest, token, rank } = input;
  const known = agent.peers.meetPeers({ runId: run.runId, generation, digest, token, rank });
  try {
    await new Meeter(agent, record, input, plan).meet();
  } finally {
    known.close();
  }
}

class Meeter {
  readonly #common;
  readonly #terms: ProofTerms;
  /** The ranks that this node proves its way to, and what became of it. */
  readonly #toProve: number[];
  #proving: Promise<UnreachablePair[]> = Promise.resolve([]);

  constructor(
    private readonly agent: Agent,
    private readonly record: StartRecord,
    private readonly input: MeetingInput,
    private readonly plan: MeetingPlan,
  ) {
    const { run, generation, digest, token, rank, address, nodes, preflight } = input;
    const { deadlineAtMs, signal } = plan;
    this.#common = { runId: run.runId, generation, digest, token, deadlineAt: deadlineAtMs, signal };
    this.#terms = { runId: run.runId, generation, digest, token, from: rank, localAddress: address, signal };
    this.#toProve = peersToProve(preflight, rank, nodes, digest);
  }

  meet(): Promise<void> {
    const { rank, rosterBytes } = this.input;
    return rank === 0 && rosterBytes !== null ? this.#hold(rosterBytes) : this.#join();
  }

  async #join(): Promise<void> {
    const { rank, rendezvous, address } = this.input;
    const { startup } = this.record.program;
    const patienceMs = startup.order === 'any' ? 0 : this.plan.patienceMs;
    const terms = { ...this.#common, rank, ...rendezvous, localAddress: address, saysUp: isFirstWave(startup, rank), patienceMs };
    await joinMeeting(terms, { onRoster: (bytes) => this.#prepare(bytes), onGo: this.plan.go, onUp: this.plan.up });
  }

  async #hold(rosterBytes: string): Promise<void> {
    const { nodes, preflight } = this.input;
    const { startup } = this.record.program;
    const { alreadyReleased, go, up } = this.plan;
    let went = () => {};
    const gone = new Promise<void>((resolve) => {
      went = resolve;
    });
    const onGo = () => {
      go();
      went();
    };
    const hosted = this.agent.peers.host({ ...this.#common, nodes, first: FIRST[startup.order], rosterBytes, alreadyReleased }, { onGo });
    // A node that cannot call rank 0 cannot tell of it either.
    const lookForAbsent = async () => {
      const absent = hosted.absent();
      const untried = absent.filter((rank) => !this.#toProve.includes(rank));
      const closed = [...(await this.#proving), ...(await provePeers(this.#terms, placesOf(rosterBytes, untried)))];
      const pairs = hosted.absent().flatMap((rank) => (absent.includes(rank) ? waysOf(rank, closed) : []));
      if (pairs.length > 0) hosted.giveUp(pairs);
    };
    const looks = !alreadyReleased && preflight !== 'off';
    const looking = looks ? setTimeout(() => void lookForAbsent().catch(() => undefined), LOOK_FOR_ABSENT_MS).unref() : undefined;
    try {
      hosted.ready(alreadyReleased ? [] : await this.#prepare(rosterBytes));
      const isUp = isFirstWave(startup, 0) && !alreadyReleased ? gone.then(up).then(() => hosted.up()) : undefined;
      await Promise.all([hosted.released, isUp]);
    } finally {
      clearTimeout(looking);
    }
  }

  /** Makes this node ready; the ways to its peers that are closed. */
  async #prepare(bytes: string): Promise<UnreachablePair[]> {
    const { isDone, prepare, proven } = this.plan;
    if (isDone()) return [];
    this.#proving = provePeers(this.#terms, placesOf(bytes, this.#toProve, proven));
    this.#proving.catch(() => {});
    await prepare(bytes);
    return await this.#proving;
  }
}

/** The ways between rank 0 and one that did not call, by what rank 0 found; none where its agent may be being started anew. */
function waysOf(rank: number, closed: readonly UnreachablePair[]): UnreachablePair[] {
  const there = closed.find(({ to }) => to === rank);
  if (there && mayPass(there.why)) return [];
  return [...(there ? [there] : []), { from: rank, to: 0, why: 'never connected' }];
}

function placesOf(rosterBytes: string, ranks: readonly number[], proven: readonly string[] = []): PeerPlace[] {
  if (ranks.length === 0) return [];
  const { nodes } = JSON.parse(rosterBytes) as Roster;
  return ranks.flatMap((rank) => {
    const node = nodes[rank];
    return node && !proven.includes(node.host) ? [{ rank, address: node.address, port: node.port }] : [];
  });
}

const FIRST: Readonly<Record<Startup['order'], FirstWave>> = { any: 'all', 'master-first': 'master', 'workers-first': 'workers' };

/** Is this rank released first, with others that wait until it is up? */
export function isFirstWave({ order }: Startup, rank: number): boolean {
  return order !== 'any' && (order === 'master-first') === (rank === 0);
}
