import type { UnreachablePair } from '../../spec/nodes.js';
import { BarrierBroken, type MissingRank } from './errors.js';
import type { Link } from './link.js';
import { digestOf, encode, type Hello, LINE_BYTES, Ready, type Refusal, Up } from './protocol.js';

export type FirstWave = 'all' | 'master' | 'workers';

/** The barrier of one generation, as rank 0's agent is asked to hold it. `digest` is the SHA-256 of `rosterBytes` in lower-case hex. */
export interface MeetingTerms {
  runId: string;
  generation: number;
  digest: string;
  /** Secret of the run, random and long: whoever has it may meet. */
  token: string;
  /** How many meet, rank 0 included. */
  nodes: number;
  /** Who is released first; the others follow when all of these are up. */
  first?: FirstWave | undefined;
  rosterBytes: string;
  /** By when all must be ready; how long the first wave takes to be up is for its nodes to limit. Epoch milliseconds. */
  deadlineAt: number;
  /** `true` after rank 0's agent was started anew and knows that it had released: nodes that come back get *go*, nobody is waited for, `onGo` is not called. */
  alreadyReleased?: boolean | undefined;
  /** Aborting rejects `released` with the signal's reason if nothing else came first, and closes the meeting. */
  signal?: AbortSignal | undefined;
}

export interface MeetingHandlers {
  /** Rank 0's own *go*: called once, synchronously, right after all others of its wave were sent theirs. */
  onGo(): void;
}

export interface Released {
  released: true;
}

/** Rank 0's side of a barrier. */
export interface HostedMeeting {
  /** Resolves once all, of all waves, were sent *go*; rejects with `BarrierBroken` at the deadline or at `close`. Never an unhandled rejection. */
  readonly released: Promise<Released>;
  /** Rank 0 itself is ready, but for the ways to others that it found closed. Idempotent. */
  ready(unreachable?: UnreachablePair[]): void;
  /** Ranks that have not connected yet. */
  absent(): number[];
  /** Ends it before its deadline, since these ways are closed. */
  giveUp(unreachable: UnreachablePair[]): void;
  /** Rank 0, in the first of two waves, is up. Idempotent. */
  up(): void;
  /** Nodes that come (back) from now on get no *go*. Idempotent. Before the release it breaks the barrier with the reason `closed`. */
  close(): void;
}

type SeatState = 'absent' | 'connected' | 'ready' | 'lost' | 'lost-ready';

interface Seat {
  state: SeatState;
  link?: Link;
  /** The ways that it found closed when it was ready. */
  unreachable: UnreachablePair[];
  /** Why the last connection that claimed this rank was turned away, in words. */
  refused?: string;
}

/** The state of a meeting. The port has proven who is on a link before it hands the link to `seat`. */
export class Meeting implements HostedMeeting {
  readonly released: Promise<Released>;
  #phase: 'gathering' | 'first-wave' | 'released' | 'broken' | 'closed' = 'gathering';
  readonly #seats: Seat[];
  #ownReady = false;
  /** The ranks of the first wave that are up. */
  readonly #up = new Set<number>();
  /** How many are not ready. A count, so that the release of many nodes costs no search at each of them. */
  #awaited: number;
  #ownUnreachable: UnreachablePair[] = [];
  readonly #roster: Buffer;
  #farewell: Buffer | undefined;
  readonly #deadline: NodeJS.Timeout;
  #resolve!: (released: Released) => void;
  #reject!: (error: unknown) => void;
  readonly #onAbort = () => this.#end(this.terms.signal?.reason);

  constructor(
    readonly terms: MeetingTerms,
    private readonly handlers: MeetingHandlers,
    private readonly forget: (meeting: Meeting) => void,
  ) {
    if (digestOf(terms.rosterBytes) !== terms.digest) throw new Error(`The roster of generation ${terms.generation} does not have the digest ${terms.digest}.`);
    this.#roster = encode({ t: 'roster', bytes: terms.rosterBytes });
    if (this.#roster.length > LINE_BYTES) throw new Error(`A roster of ${this.#roster.length} bytes is too long for a barrier; the limit is ${LINE_BYTES}.`);
    this.released = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.released.catch(() => {});
    this.#seats = Array.from({ length: terms.nodes }, () => ({ state: 'absent', unreachable: [] }));
    this.#awaited = terms.nodes;
    this.#deadline = setTimeout(() => this.#breakUp(), Math.min(Math.max(0, terms.deadlineAt - Date.now()), LONGEST_TIMER));
    if (terms.alreadyReleased) this.#settle('released');
    if (terms.signal?.aborted) this.#onAbort();
    else terms.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  ready(unreachable: UnreachablePair[] = []): void {
    if (this.#ownReady || this.#phase !== 'gathering') return;
    this.#ownReady = true;
    this.#ownUnreachable = unreachable;
    this.#awaited -= 1;
    this.#releaseIfAll();
  }

  absent(): number[] {
    return this.#phase === 'gathering' ? this.#seats.flatMap(({ state }, rank) => (rank > 0 && state === 'absent' ? [rank] : [])) : [];
  }

  giveUp(unreachable: UnreachablePair[]): void {
    if (this.#phase === 'gathering') this.#breakFor(unreachable);
  }

  up(): void {
    this.#up.add(0);
    this.#advance();
  }

  close(): void {
    this.#end(new BarrierBroken('closed', `The barrier of generation ${this.terms.generation} was given up before all nodes were ready.`, this.#missing()));
  }

  /** What is wrong with the claim of a node that knows the token. */
  refusalOf({ digest, rank }: Hello): Refusal['why'] | undefined {
    if (digest !== this.terms.digest) return 'wrong-digest';
    if (rank < 1 || rank >= this.terms.nodes) return 'wrong-rank';
    return undefined;
  }

  /** Remembers, for the message at the deadline, why somebody who claimed the rank was turned away. */
  noteRefusal(rank: number, why: string): void {
    const seat = rank > 0 ? this.#seats[rank] : undefined;
    if (seat) seat.refused = why;
  }

  /** A node that proved its rank. A newer connection of a rank takes the place of the older one, which may be dead without knowing. */
  seat(rank: number, link: Link): void {
    const seat = this.#seats[rank];
    if (this.#farewell) link.finish(this.#farewell);
    else if (!seat || this.#phase === 'closed') link.drop('no such meeting');
    else this.#sit(rank, seat, link);
  }

  #sit(rank: number, seat: Seat, link: Link): void {
    const older = seat.link;
    this.#leave(seat);
    older?.drop('the rank connected anew');
    seat.state = 'connected';
    seat.link = link;
    link.socket.setKeepAlive(true, 1_000);
    link.onClosed = () => {
      if (seat.link === link) this.#leave(seat);
    };
    link.onFrame = (frame) => {
      if (seat.state === 'ready' && this.#isFirst(rank) && Up.safeParse(frame).success) {
        this.#up.add(rank);
        if (this.#phase === 'released') link.send(DONE);
        return this.#advance();
      }
      const ready = Ready.safeParse(frame);
      if (!ready.success || seat.state === 'ready') return link.drop('it said what has no place here');
      seat.state = 'ready';
      seat.unreachable = ready.data.unreachable ?? [];
      if (this.#phase === 'released' || (this.#phase === 'first-wave' && this.#isFirst(rank))) return link.send(GO);
      if (this.#phase === 'first-wave') return;
      this.#awaited -= 1;
      this.#releaseIfAll();
    };
    link.send(this.#roster);
  }

  #leave(seat: Seat): void {
    if (seat.state === 'ready') this.#awaited += 1;
    seat.state = seat.state === 'ready' ? 'lost-ready' : seat.state === 'connected' ? 'lost' : seat.state;
    delete seat.link;
  }

  #releaseIfAll(): void {
    if (this.#awaited > 0 || this.#phase !== 'gathering') return;
    const closed = [...this.#ownUnreachable, ...this.#seats.flatMap(({ unreachable }) => unreachable)];
    if (closed.length > 0) {
      this.#breakFor(closed);
      return;
    }
    const { first = 'all' } = this.terms;
    this.#release((rank) => this.#isFirst(rank));
    if (first === 'all') {
      this.#settle('released');
      return;
    }
    this.#phase = 'first-wave';
    clearTimeout(this.#deadline);
    this.#advance();
  }

  /** Lets the second wave go once all of the first are up. */
  #advance(): void {
    if (this.#phase !== 'first-wave' || this.#seats.some((_, rank) => this.#isFirst(rank) && !this.#up.has(rank))) return;
    this.#release((rank) => !this.#isFirst(rank));
    this.#settle('released');
    for (const [rank, { link }] of this.#seats.entries()) if (this.#isFirst(rank)) link?.send(DONE);
  }

  #isFirst(rank: number): boolean {
    const { first = 'all' } = this.terms;
    return first === 'all' || (first === 'master') === (rank === 0);
  }

  /** Nothing but the writes happens between the first and the last; rank 0, which has no network between, comes last. */
  #release(isMeant: (rank: number) => boolean): void {
    for (const [rank, { link }] of this.#seats.entries()) if (isMeant(rank)) link?.send(GO);
    if (!isMeant(0)) return;
    try {
      this.handlers.onGo();
    } catch (error) {
      this.#reject(error);
    }
  }

  #settle(phase: 'released' | 'broken' | 'closed'): void {
    this.#phase = phase;
    clearTimeout(this.#deadline);
    if (phase === 'released') this.#resolve({ released: true });
  }

  #breakUp(): void {
    const missing = this.#missing();
    const { generation, nodes } = this.terms;
    const message = `The barrier of generation ${generation} broke: at its deadline ${missing.length} of ${nodes} nodes ${missing.length === 1 ? 'was' : 'were'} not ready: ${inWords(missing)}.`;
    this.#break(new BarrierBroken('deadline', message, missing));
  }

  #breakFor(closed: UnreachablePair[]): void {
    const unreachable = closed.slice(0, MOST_PAIRS);
    const { generation } = this.terms;
    this.#break(new BarrierBroken('unreachable', `The barrier of generation ${generation} broke: ${pairsInWords(closed)}.`, [], unreachable));
  }

  #break(broken: BarrierBroken): void {
    const { message, missing, unreachable } = broken;
    this.#settle('broken');
    this.#farewell = encode({ t: 'broken', message, missing, unreachable });
    for (const { link } of this.#seats) link?.finish(this.#farewell);
    this.#reject(broken);
  }

  #end(reason: unknown): void {
    if (this.#phase === 'closed') return;
    this.#settle('closed');
    this.terms.signal?.removeEventListener('abort', this.#onAbort);
    this.#reject(reason);
    for (const { link } of this.#seats) link?.drop('the meeting was closed');
    this.forget(this);
  }

  #missing(): MissingRank[] {
    const states = this.#seats.map((seat, rank) => ({ rank, state: rank === 0 ? (this.#ownReady ? '' : 'not ready') : seatInWords(seat) }));
    return states.filter(({ state }) => state !== '');
  }
}

/** `rank 2 → rank 4 timed out`, at most sixteen of them. */
function pairsInWords(pairs: readonly UnreachablePair[]): string {
  const named = pairs.slice(0, 16).map(({ from, to, why }) => `rank ${from} → rank ${to} ${why}`);
  return [...named, ...(pairs.length > 16 ? [`and ${pairs.length - 16} more`] : [])].join('; ');
}

/** More pairs say no more: a line of the wire has a limit. */
const MOST_PAIRS = 200;

/** `rank 3: never connected; rank 5: connected, not ready`, at most sixteen of them. */
function inWords(missing: MissingRank[]): string {
  const named = missing.slice(0, 16).map(({ rank, state }) => `rank ${rank}: ${state}`);
  return [...named, ...(missing.length > 16 ? [`and ${missing.length - 16} more`] : [])].join('; ');
}

function seatInWords({ state, refused }: Seat): string {
  if (state === 'absent') return refused ?? 'never connected';
  return {
    connected: 'connected, not ready',
    lost: 'connected, then gone before it was ready',
    'lost-ready': 'was ready, then its connection was lost',
    ready: '',
  }[state];
}

const GO = encode({ t: 'go' });
const DONE = encode({ t: 'done' });

// Node.js fires a longer one at once.
const LONGEST_TIMER = 2 ** 31 - 1;
