import { createConnection } from 'node:net';
import type { UnreachablePair } from '../../spec/nodes.js';
import { BarrierBroken, type BarrierReason } from './errors.js';
import { Link } from './link.js';
import type { Released } from './meeting.js';
import {
  digestOf,
  encode,
  FIRST_FRAME_BYTES,
  GRACE_MS,
  HANDSHAKE_MS,
  HostFrame,
  LINE_BYTES,
  newNonce,
  PROTOCOL_VERSION,
  prove,
  type Refusal,
  sameProof,
} from './protocol.js';

/** A node's way to the barrier of its generation. `digest` is the SHA-256 of the roster's bytes in lower-case hex. */
export interface JoinTerms {
  /** Of rank 0's agent. */
  address: string;
  port: number;
  /** The node's own address, from which it calls. */
  localAddress?: string | undefined;
  runId: string;
  generation: number;
  digest: string;
  token: string;
  rank: number;
  /** This node is of the first of two waves: it says when it is up, and stays until all were released. */
  saysUp?: boolean | undefined;
  /** How long after the deadline the release may still come, where others have to be up first. Milliseconds. */
  patienceMs?: number | undefined;
  /** Epoch milliseconds. */
  deadlineAt: number;
  /** Aborting rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

export interface JoinHandlers {
  /**
   * Called once, with bytes that have the digest. When it resolves this node is ready, but for the ways to others that it found closed; when it
   * rejects, `joinMeeting` rejects with the same.
   */
  onRoster(bytes: string): Promise<UnreachablePair[]>;
  /** Called once, synchronously when *go* arrives, and never unless this node was ready. */
  onGo(): void;
  /** Called once after *go* where the node `saysUp`. When it resolves this node is up; when it rejects, `joinMeeting` rejects with the same. */
  onUp?(): Promise<void>;
}

/**
 * Meets the others at rank 0's agent and waits to be released. A connection that fails, or is lost before *go*, is made again until
 * the deadline. Rejects with `BarrierBroken` when the host says that the meeting broke, when it refuses this node, when it is not
 * who it should be, or when nothing was decided 2 s after the deadline; `onGo` has then not been called.
 */
export async function joinMeeting(terms: JoinTerms, handlers: JoinHandlers): Promise<Released> {
  const { deadlineAt, patienceMs = 0, signal } = terms;
  signal?.throwIfAborted();
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const joiner = new Joiner(terms, handlers, stop.signal);
  const timer = setTimeout(() => stop.abort(joiner.tooLate()), Math.max(0, Math.min(deadlineAt + patienceMs + GRACE_MS - Date.now(), 2 ** 31 - 1)));
  try {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      const end = await joiner.call();
      if (end === 'released') return { released: true };
      if (end === 'lost') pause = FIRST_PAUSE_MS;
      await pauseFor(pause, stop.signal);
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** How a call ended. Both others may be made again: `lost` at once, since somebody answers there. */
type CallEnd = 'released' | 'lost' | 'unanswered';

class Joiner {
  #prepared: Promise<UnreachablePair[]> | undefined;
  #up: Promise<void> | undefined;
  #went = false;
  #reached = 'not called yet';

  constructor(
    private readonly terms: JoinTerms,
    private readonly handlers: JoinHandlers,
    private readonly stop: AbortSignal,
  ) {}

  tooLate(): BarrierBroken {
    const { rank, generation, address, port } = this.terms;
    return new BarrierBroken(
      'deadline',
      `Rank ${rank} waited in vain for the barrier of generation ${generation} at ${address} port ${port}: ${this.#reached}.`,
      [{ rank: 0, state: this.#reached }],
    );
  }

  /** One connection from beginning to end. */
  async call(): Promise<CallEnd> {
    this.stop.throwIfAborted();
    const { address, port, localAddress } = this.terms;
    const socket = createConnection({ host: address, port, noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) });
    const link = new Link(socket, FIRST_FRAME_BYTES);
    let silence = setTimeout(() => link.drop('no answer to the connection'), CONNECT_MS);
    let onStop = () => {};
    socket.once('connect', () => {
      clearTimeout(silence);
      silence = setTimeout(() => link.drop('no answer to the greeting'), HANDSHAKE_MS * 1.5);
    });
    try {
      return await new Promise<CallEnd>((resolve, reject) => {
        this.#talk(link, resolve, reject, () => clearTimeout(silence));
        onStop = () => reject(this.stop.reason);
        this.stop.addEventListener('abort', onStop, { once: true });
      });
    } finally {
      clearTimeout(silence);
      this.stop.removeEventListener('abort', onStop);
      link.onFrame = () => {};
      link.onClosed = () => {};
      socket.destroy();
    }
  }

  #talk(link: Link, resolve: (end: CallEnd) => void, reject: (error: unknown) => void, proven: () => void): void {
    const { terms } = this;
    const nonce = newNonce();
    let stage: 'hello' | 'proof' | 'roster' | 'ready' | 'gone' | 'over' = 'hello';
    link.socket.once('connect', () => {
      this.#reached = 'connected, no meeting there yet';
      const { runId, generation, digest, rank } = terms;
      const mac = prove(terms.token, 'hello', terms, nonce);
      link.send(encode({ muster: PROTOCOL_VERSION, t: 'hello', runId, generation, digest, rank, nonce, mac }));
    });
    link.onClosed = (why) => {
      const lost = stage === 'roster' || stage === 'ready' || stage === 'gone';
      this.#reached = lost ? `the connection was lost when this node was ${stage === 'ready' ? 'ready' : 'not ready'} (${why})` : why;
      resolve(lost ? 'lost' : 'unanswered');
    };
    const receive = (raw: unknown) => {
      const parsed = HostFrame.safeParse(raw);
      if (!parsed.success) return link.drop('rank 0 said what is no frame');
      const frame = parsed.data;
      if (frame.t === 'refused') {
        if (frame.why !== 'not-yet') throw this.#broken(frame.why, refusalInWords(frame, terms));
        this.#reached = 'rank 0 was not holding the meeting yet';
        return resolve('lost');
      }
      if (frame.t === 'broken') {
        const { message, missing, unreachable = [] } = frame;
        throw new BarrierBroken(unreachable.length > 0 ? 'unreachable' : 'deadline', message, missing, unreachable);
      }
      if (frame.t === 'challenge' && stage === 'hello') {
        if (!sameProof(frame.proof, prove(terms.token, 'host', terms, nonce, frame.nonce)))
          throw this.#broken('impostor', 'what listens there does not know the token of the run');
        stage = 'proof';
        proven();
        link.lineBytes = LINE_BYTES;
        this.#reached = 'rank 0 proved itself, its roster did not come';
        return link.send(encode({ t: 'proof', proof: prove(terms.token, 'joiner', terms, nonce, frame.nonce) }));
      }
      if (frame.t === 'roster' && stage === 'proof') {
        if (digestOf(frame.bytes) !== terms.digest) throw this.#broken('tampered', `the roster from there does not have the digest ${terms.digest}`);
        stage = 'roster';
        this.#reached = 'this node has the roster and is not ready';
        this.#prepared ??= this.handlers.onRoster(frame.bytes);
        this.#prepared.then((unreachable) => {
          if (!link.open) return;
          stage = 'ready';
          this.#reached = 'this node is ready, the release did not come';
          link.send(unreachable.length > 0 ? encode({ t: 'ready', unreachable }) : READY);
        }, reject);
        return;
      }
      if (frame.t === 'done' && stage === 'gone') {
        stage = 'over';
        return resolve('released');
      }
      if (frame.t !== 'go' || stage !== 'ready') return link.drop(`rank 0 said "${frame.t}" out of turn`);
      if (!this.#went) this.handlers.onGo();
      this.#went = true;
      stage = terms.saysUp ? 'gone' : 'over';
      if (!terms.saysUp) return resolve('released');
      this.#reached = 'this node was released, the others were not';
      this.#up ??= this.handlers.onUp?.() ?? Promise.resolve();
      this.#up.then(() => {
        if (link.open) link.send(UP);
      }, reject);
    };
    link.onFrame = (raw) => {
      try {
        receive(raw);
      } catch (error) {
        // Neither a BarrierBroken nor an error of the caller's handlers goes away by calling again.
        stage = 'over';
        reject(error);
      }
    };
  }

  #broken(reason: BarrierReason, what: string): BarrierBroken {
    const { rank, generation, address, port } = this.terms;
    return new BarrierBroken(reason, `Rank ${rank} cannot meet generation ${generation} at ${address} port ${port}: ${what}.`, [{ rank, state: what }]);
  }
}

function refusalInWords({ why, version, generation }: Refusal, { rank }: JoinTerms): string {
  switch (why) {
    case 'version':
      return `its agent speaks version ${version ?? 'unknown'} of the protocol and this one version ${PROTOCOL_VERSION}`;
    case 'denied':
      return 'this node could not prove that it knows the token of the run';
    case 'stale-generation':
      return `the run is at generation ${generation ?? 'unknown'} there`;
    case 'wrong-digest':
      return 'its roster has another digest';
    case 'wrong-rank':
      return `its roster has no place for rank ${rank}`;
    case 'not-yet':
      return 'it was not holding the meeting yet';
  }
}

function pauseFor(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stop.aborted) return reject(stop.reason);
    const onStop = () => {
      clearTimeout(timer);
      reject(stop.reason);
    };
    const timer = setTimeout(() => {
      stop.removeEventListener('abort', onStop);
      resolve();
    }, ms);
    stop.addEventListener('abort', onStop, { once: true });
  });
}

const READY = encode({ t: 'ready' });
const UP = encode({ t: 'up' });
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 500;
const CONNECT_MS = 2_000;
