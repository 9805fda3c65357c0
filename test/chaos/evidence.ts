import type { FailureNote, RunStatus } from '../../spec/nodes.js';
import type { Line } from './journal.js';

/** What must be true of every run, whatever was done to the machines. `check` returns a sentence for each time that it was not. */
export interface Invariant {
  name: string;
  check: (evidence: Evidence) => string[];
}

/** What is known after a round, for the invariants to judge. Times are seconds of the machine's uptime. */
export interface Evidence {
  /** What programs said and what was seen of them, each line true after those before it. */
  lines: Line[];
  run: RunEvidence;
  faults: FaultNote[];
  /** Processes of the run that lived when all time for their end had passed. */
  leftovers: { host: string; pid: number; command: string }[];
  /** Hosts that were still the run's when another run wanted them. */
  leases: { host: string; runId: string }[];
  /** Whether a run over all hosts worked afterwards: the sentence why not, or null. */
  unusable: string | null;
}

export interface RunEvidence {
  handle: string;
  runId: string;
  task: TaskFacts;
  /** `open`: it did not end in time. */
  end: 'succeeded' | 'failed' | 'cancelled' | 'terminated' | 'open';
  /** The last that was seen; null: none ever was. */
  status: RunStatus | null;
  /** All that ever stood in a status, also of an execution that was reset. */
  notes: (FailureNote & { atS: number })[];
  closedAtS: number | null;
  /** Some seconds after everything was mended: why a run that changes its size had not come to rest; null: it had, or was over. */
  unrest: string | null;
}

/** What the invariants must know of a task. */
export interface TaskFacts {
  nodes: number;
  scope: 'all' | 'node';
  attempts: number;
  losses: number;
  hostTimeoutSeconds: number;
  stopDurationSeconds: number;
  fencing: 'reachable' | 'strict';
  /** Its nodes run on when the list changes, and it says what they read. */
  live?: boolean;
  /** It changes its size by itself, within this range. */
  elastic?: { min: number; max: number } | null;
  spares?: number;
  /** The names of its groups, where it has some. */
  groups?: string[];
}

/** A fault as it was made: from its first moment until it was healed and, where a process was started for that, until that was ready. */
export interface FaultNote {
  kind: FaultKind;
  /** null: not of one host. */
  host: string | null;
  fromS: number;
  untilS: number;
  /** What it was about, or why nothing came of it. */
  what: string;
  /** It did something. */
  done: boolean;
}

/** A host that does not answer, and why. */
export interface Away {
  host: string;
  fromS: number;
  untilS: number;
  how: 'frozen' | 'dead' | 'cut';
}

export const FAULT_KINDS = [
  ...(['agent-kill', 'agent-freeze', 'control-kill', 'control-freeze', 'server-kill', 'server-freeze'] as const),
  ...(['program-kill', 'program-freeze', 'shim-kill', 'disk-full', 'data-loss', 'temporal-cut'] as const),
  ...(['terminate', 'cancel', 'reset', 'stop', 'rescale', 'cell-terminate', 'fleet-terminate'] as const),
  ...(['stale-signal', 'late-activity', 'link-cut', 'link-block', 'drain'] as const),
];
export type FaultKind = (typeof FAULT_KINDS)[number];

const AWAY: Partial<Record<FaultKind, Away['how']>> = {
  'agent-freeze': 'frozen',
  'agent-kill': 'dead',
  'data-loss': 'dead',
  'temporal-cut': 'cut',
  'link-cut': 'cut',
  'link-block': 'cut',
};

/** When which host did not answer, by the faults that were made. */
export function awayOf(faults: readonly FaultNote[]): Away[] {
  return faults.flatMap(({ kind, host, fromS, untilS }) => {
    const how = AWAY[kind];
    return how === undefined || host === null ? [] : [{ host, fromS, untilS, how }];
  });
}

/** When nobody could be asked about the run: without the server or a control worker nobody learns anything. */
export function blackoutsOf(faults: readonly FaultNote[]): { fromS: number; untilS: number }[] {
  return faults.filter(({ kind }) => BLACKOUTS.includes(kind));
}

const BLACKOUTS: readonly FaultKind[] = ['server-kill', 'server-freeze', 'control-kill', 'control-freeze'];
