import type { RosterNode } from './roster.js';

/**
 * What is spoken at `MUSTER_SOCKET`, a line at a time. The question is a `MUSTER_COOKIE`: the agent answers with the roster file of that start, or a
 * refusal, and closes. With ` watch` behind it the agent keeps the connection: the roster file at once, and again each time it is replaced; last, when the
 * start has ended, `{"ended":true}`. A connection that closes without that line was lost, and is to be made again.
 */
export const WATCH = ' watch';

/** `MUSTER_ROSTER_FILE`: the roster as one node sees it. */
export interface RosterFile {
  runId: string;
  generation: number;
  /** This node's own. */
  rank: number;
  nodes: Omit<RosterNode, 'port'>[];
}

/** Why a question is not answered: a reason for machines, and a sentence for people. */
export interface RosterRefusal {
  refused: 'UnknownCookie' | 'TooManyWatchers';
  message: string;
}

/** One line of an agent's. */
export type RosterLine = RosterFile | { ended: true } | RosterRefusal;
