import { createHash } from 'node:crypto';
import { createConnection } from 'node:net';
import type { UnreachablePair } from '../../spec/nodes.js';
import type { Preflight } from '../../spec/task/preflight.js';
import { Link } from './link.js';
import { encode, newNonce, PROTOCOL_VERSION, type ProofClaim, sameProof, signProof } from './protocol.js';

/** How long a node tries to reach its peers, from when it has the list: a lost packet is sent again after 1 and 3 s. */
export const PROOF_MS = 3_500;
/** An agent that is just being started anew refuses at first, and then has to be asked for its node again: that is waited for. */
const PASSING_MS: Readonly<Record<string, number>> = { refused: 8_000, 'connected, no answer': 20_000 };
/** A connection that is not made in this time is made again. */
const CONNECT_MS = 2_000;
const SHORTEST_MS = 100;
const PAUSE_MS = 200;
const ANSWER_BYTES = 1_024;

/** Where a peer's agent is said to be. */
export interface PeerPlace {
  rank: number;
  address: string;
  port: number;
}

/** What a node says of itself to its peers. */
export interface ProofTerms extends Omit<ProofClaim, 'to' | 'nonce'> {
  token: string;
  localAddress: string;
  signal: AbortSignal;
}

/**
 * Whom this rank proves its way to. `all`: everybody; `ring`: its neighbours and as many others as the number of nodes has binary digits, by chance
 * but the same on every try; `master`: rank 0 everybody, the others nobody. Its way to rank 0 every node proves by joining the barrier.
 */
export function peersToProve(mode: Preflight, rank: number, nodes: number, digest: string): number[] {
  const others = Array.from({ length: nodes }, (_, other) => other).filter((other) => other !== rank && other !== 0);
  if (mode === 'all') return others;
  if (mode === 'master') return rank === 0 ? others : [];
  if (mode === 'off') return [];
  const chosen = new Set([(rank + 1) % nodes, (rank + nodes - 1) % nodes]);
  const random = createHash('sha256').update(`${digest} ${rank}`).digest();
  for (let i = 0; i < Math.ceil(Math.log2(nodes)); i++) chosen.add(random.readUInt16BE(i * 2) % nodes);
  return others.filter((other) => chosen.has(other));
}

/**
 * Proves this node's way to each of these peers: connects to the agent at the peer's address, and has it prove that it is that very node of the
 * generation. What fails is tried again for 3.5 s, and longer where it may be an agent that is being started anew. Returns the ways that are closed, each with its reason in words. Rejects only when the signal aborts.
 */
export async function provePeers(terms: ProofTerms, peers: readonly PeerPlace[]): Promise<UnreachablePair[]> {
  const sinceMs = performance.now();
  const closed = await Promise.all(
    peers.map(async (peer) => {
      for (;;) {
        const leftMs = sinceMs + PROOF_MS - performance.now();
        const why = await proveOnce(terms, peer, leftMs > 0 ? Math.min(CONNECT_MS, Math.max(SHORTEST_MS, leftMs)) : CONNECT_MS);
        terms.signal.throwIfAborted();
        if (why === null) return [];
        if (performance.now() + PAUSE_MS >= sinceMs + (PASSING_MS[why] ?? PROOF_MS)) return [{ from: terms.from, to: peer.rank, why }];
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
        terms.signal.throwIfAborted();
      }
    }),
  );
  return closed.flat();
}

/** May this pass by itself? Then it is no proof that the way is closed. */
export function mayPass(why: string): boolean {
  return why in PASSING_MS;
}

/** Null: it is that node. Else what is in the way. */
function proveOnce({ token, localAddress, runId, generation, digest, from }: ProofTerms, peer: PeerPlace, limitMs: number): Promise<string | null> {
  const claim: ProofClaim = { runId, generation, digest, from, to: peer.rank, nonce: newNonce() };
  return new Promise((resolve) => {
    const socket = createConnection({ host: peer.address, port: peer.port, localAddress, noDelay: true });
    const link = new Link(socket, ANSWER_BYTES);
    let connected = false;
    const late = setTimeout(() => {
      settle(connected ? 'connected, no answer' : 'timed out');
    }, limitMs);
    const settle = (why: string | null) => {
      clearTimeout(late);
      link.onClosed = () => {};
      socket.destroy();
      resolve(why);
    };
    socket.once('error', (error: NodeJS.ErrnoException) => settle(IN_WORDS[error.code ?? ''] ?? error.message));
    socket.once('connect', () => {
      connected = true;
      link.send(encode({ muster: PROTOCOL_VERSION, t: 'prove', ...claim, mac: signProof(token, 'prove', claim) }));
    });
    link.onFrame = (frame) => {
      const mac = (frame as { mac?: unknown }).mac;
      settle(typeof mac === 'string' && sameProof(mac, signProof(token, 'proven', claim)) ? null : ANOTHER);
    };
    link.onClosed = () => settle(ANOTHER);
  });
}

const ANOTHER = 'another host or program answered';
const IN_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'refused',
  ETIMEDOUT: 'timed out',
  EHOSTUNREACH: 'no route',
  ENETUNREACH: 'no route',
  EADDRNOTAVAIL: 'no route from its own address',
  EINVAL: 'no route from its own address',
};
