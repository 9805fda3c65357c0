import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/*
 * What agents say to one another: JSON, one frame a line.
 *
 *   joiner                                        host (rank 0's agent)
 *   hello (run, generation, digest, rank,
 *          nonce, mac)                       ──▶
 *                                            ◀──  challenge (nonce, proof)
 *   proof (proof)                            ──▶
 *                                            ◀──  roster (bytes)
 *   ready                                    ──▶
 *                                            ◀──  go
 *   up        (first of two waves only)      ──▶
 *                                            ◀──  done
 *
 * Between any two nodes: prove (from, to, nonce, mac) ──▶ ◀── proven (mac): the way is open, and leads to that very node.
 * Beside that an agent answers questions about a seat of its own: question (about, nonce, mac) ──▶ ◀── answer (state, mac).
 *
 * In place of any frame the host may say `refused` or `broken`. The token itself is never sent. The mac in the hello keeps
 * strangers from learning which generation, roster or ranks there are: who does not know the token is told `denied`, no more.
 */

/** Both sides of a barrier must speak the same version; another one is refused by name. */
export const PROTOCOL_VERSION = 3;

/** No side reads more than this before the other has proven itself. */
export const FIRST_FRAME_BYTES = 4 * 1024;

/** The longest line, which is the roster's. */
export const LINE_BYTES = 1024 * 1024;

/** A connection that has not proven itself this long after it began, or after its meeting began, is dropped. */
export const HANDSHAKE_MS = 5_000;

/** How much longer than the deadline a node waits to be told how the meeting ended. */
export const GRACE_MS = 2_000;

const hex32 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const pair = z.object({ from: count, to: count, why: z.string() });

/** Every first frame has it, in every version to come. */
export const Opening = z.object({ muster: z.number(), t: z.string() });

export const Hello = z.object({
  muster: z.literal(PROTOCOL_VERSION),
  t: z.literal('hello'),
  runId: z.string().min(1),
  generation: count,
  digest: z.string().min(1),
  rank: count,
  nonce: hex32,
  mac: hex32,
});
export type Hello = z.infer<typeof Hello>;

/** From one node of a generation to another: is it really you? */
export const ProveFrame = z.object({
  muster: z.literal(PROTOCOL_VERSION),
  t: z.literal('prove'),
  runId: z.string().min(1),
  generation: count,
  digest: z.string().min(1),
  from: count,
  to: count,
  nonce: hex32,
  mac: hex32,
});
export type ProveFrame = z.infer<typeof ProveFrame>;

/** What the two sides of a proof agree on. */
export interface ProofClaim {
  runId: string;
  generation: number;
  digest: string;
  from: number;
  to: number;
  nonce: string;
}

/** HMAC-SHA256 of a proof's question, or of its answer, by the run's token. */
export function signProof(token: string, part: 'prove' | 'proven', { runId, generation, digest, from, to, nonce }: ProofClaim): string {
  return sign(token, [part, runId, generation, digest, from, to, nonce]);
}

/** About one start of a seat: how it is (`ask`), or that it is over and is to be ended (`fence`). The mac proves that who asks knows the run's token. */
export const Question = z.object({
  muster: z.literal(PROTOCOL_VERSION),
  t: z.enum(['ask', 'fence']),
  runId: z.string().min(1),
  host: z.string().min(1),
  startNumber: count,
  generation: count,
  nonce: hex32,
  mac: hex32,
});
export type Question = z.infer<typeof Question>;

/** `end`: how the node ended, as JSON. The mac proves that it is the agent of that host, and not whoever else has its address. */
export const Answer = z.object({
  t: z.literal('answer'),
  state: z.enum(['running', 'ended', 'unknown', 'fenced', 'unclean']),
  end: z.string().nullable(),
  mac: hex32,
});
export type Answer = z.infer<typeof Answer>;

/** HMAC-SHA256 of a question, and of an answer to it, by the run's token. */
export function signQuestion(token: string, { t, runId, host, startNumber, generation, nonce }: Omit<Question, 'mac' | 'muster'>): string {
  return sign(token, ['question', t, runId, host, startNumber, generation, nonce]);
}
export function signAnswer(token: string, question: Omit<Question, 'mac' | 'muster'>, { state, end }: Pick<Answer, 'state' | 'end'>): string {
  return sign(token, ['answer', signQuestion(token, question), state, end]);
}

function sign(token: string, said: unknown[]): string {
  return createHmac('sha256', token)
    .update(JSON.stringify([PROTOCOL_VERSION, ...said]))
    .digest('hex');
}

/** `not-yet` is the only refusal after which to try again. */
export const Refusal = z.object({
  t: z.literal('refused'),
  why: z.enum(['not-yet', 'version', 'denied', 'stale-generation', 'wrong-digest', 'wrong-rank']),
  version: z.number().optional(),
  generation: count.optional(),
});
export type Refusal = z.infer<typeof Refusal>;

const Broken = z.object({
  t: z.literal('broken'),
  message: z.string(),
  missing: z.array(z.object({ rank: count, state: z.string() })),
  unreachable: z.array(pair).optional(),
});

/** What a host says. */
export const HostFrame = z.discriminatedUnion('t', [
  z.object({ t: z.literal('challenge'), nonce: hex32, proof: hex32 }),
  z.object({ t: z.literal('roster'), bytes: z.string() }),
  z.object({ t: z.literal('go') }),
  z.object({ t: z.literal('done') }),
  Refusal,
  Broken,
]);

export const Proof = z.object({ t: z.literal('proof'), proof: hex32 });
/** `unreachable`: the ways to others that are closed. */
export const Ready = z.object({ t: z.literal('ready'), unreachable: z.array(pair).optional() });
/** The node's program is ready for those who wait for it. */
export const Up = z.object({ t: z.literal('up') });

export type Frame =
  | z.infer<typeof HostFrame>
  | Hello
  | z.infer<typeof Proof>
  | z.infer<typeof Ready>
  | z.infer<typeof Up>
  | Question
  | Answer
  | ProveFrame
  | { t: 'proven'; mac: string };

/** A frame as it goes over the wire. */
export function encode(frame: Frame): Buffer {
  return Buffer.from(`${JSON.stringify(frame)}\n`);
}

/** What a proof is about: all that must be the same on both sides. */
export interface Claim {
  runId: string;
  generation: number;
  digest: string;
  rank: number;
}

/** HMAC-SHA256 of the claim by the token. A proof of one role, or for one pair of nonces, is none for another. */
export function prove(token: string, role: 'hello' | 'joiner' | 'host', claim: Claim, joinerNonce: string, hostNonce = ''): string {
  const { runId, generation, digest, rank } = claim;
  const said = JSON.stringify([role, PROTOCOL_VERSION, runId, generation, digest, rank, joinerNonce, hostNonce]);
  return createHmac('sha256', token).update(said).digest('hex');
}

/** Compares two proofs in a time that tells nothing about where they differ. */
export function sameProof(a: string, b: string): boolean {
  const left = Buffer.from(a, 'hex');
  const right = Buffer.from(b, 'hex');
  return left.length === right.length && timingSafeEqual(left, right);
}

export function newNonce(): string {
  return randomBytes(32).toString('hex');
}

/** SHA-256 in lower-case hex of the UTF-8 bytes: what `digest` is everywhere in the barrier. */
export function digestOf(rosterBytes: string): string {
  return createHash('sha256').update(rosterBytes).digest('hex');
}
