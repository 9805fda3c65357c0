import type { UnreachablePair } from '../../spec/nodes.js';

/** A rank that kept a barrier from opening, and how far it came, in words: `never connected`, `connected, not ready`. */
export interface MissingRank {
  rank: number;
  state: string;
}

/** Why a barrier broke, for machines. `deadline`: not all were ready in time; `unreachable`: nodes cannot reach each other; `closed`: the host gave the meeting up; the rest: the two sides did not fit. */
export type BarrierReason =
  | 'deadline'
  | 'unreachable'
  | 'closed'
  | 'denied'
  | 'impostor'
  | 'version'
  | 'stale-generation'
  | 'wrong-digest'
  | 'wrong-rank'
  | 'tampered';

/** The nodes of a generation did not meet: none of those in `missing` was ready, and this node was not released. */
export class BarrierBroken extends Error {
  readonly type = 'BarrierBroken';
  override readonly name = 'BarrierBroken';

  constructor(
    readonly reason: BarrierReason,
    message: string,
    readonly missing: MissingRank[],
    /** With `unreachable`: whose way to whom is closed. */
    readonly unreachable: UnreachablePair[] = [],
  ) {
    super(message);
  }
}

/** This machine has no address that fits what was asked for. The message is one sentence or two for the user, naming what it has. */
export class AddressNotFound extends Error {
  readonly type = 'AddressNotFound';
  override readonly name = 'AddressNotFound';
}
