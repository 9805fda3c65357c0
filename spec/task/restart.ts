import type { FailureType } from '../failures.js';
import type { ExitCodes } from './exit-codes.js';

/** What is started again after a failure, how often, and when. */
export interface Restart {
  /** scope: `all`: every node, in a new generation; `node`: the failed one alone, in the same generation. */
  scope: 'all' | 'node';
  /** attempts: restarts that may be charged within the window; 0 means none. With scope `node`: for each node. */
  attempts: number;
  /** losses: lost hosts that may be made up for within the window. */
  losses: number;
  /** windowSeconds: running time after which a charge is forgotten; null means never. */
  windowSeconds: number | null;
  /** backoff: the pause before the second restart within the window, which doubles, and the longest one. */
  backoff: { firstSeconds: number; maxSeconds: number };
  /** rules: the first that matches a failure decides about it. */
  rules: RestartRule[];
}

/** What is done about the failures that it matches. A failure has to meet every criterion that the rule gives. */
export interface RestartRule {
  /** exitCodes: ranges, both ends included; empty means any. */
  exitCodes: ExitCodes[];
  /** causes: types of failure; empty means any. */
  causes: RestartCause[];
  /** groups: names of groups; empty means any. */
  groups: string[];
  do: 'restart' | 'fail' | 'ignore';
  /** charge: `free`: a restart by this rule leaves the budget as it is. */
  charge: 'budget' | 'free';
}

/** The types of failure that a node can end with and that a restart may mend. */
export const RESTART_CAUSES = [
  'CommandFailed',
  'OutOfMemory',
  'Unhealthy',
  'NotReady',
  'ResizeFailed',
  'ShimLost',
  'NodeSetupFailed',
  'HostLost',
  'HostStateLost',
  'HostRestarted',
  'Fenced',
] as const satisfies readonly FailureType[];
export type RestartCause = (typeof RESTART_CAUSES)[number];

/** What a map `restart` means where it leaves something out. */
export const RESTART_DEFAULTS = {
  scope: 'all',
  attempts: 3,
  losses: 10,
  windowSeconds: 3_600,
  backoff: { firstSeconds: 1, maxSeconds: 300 },
  rules: [],
} satisfies Restart;

/** What no `restart` means: the first failure of a program ends the run. */
export const NO_RESTART: Restart = { ...RESTART_DEFAULTS, attempts: 0 };
