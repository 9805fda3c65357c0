import type { FailureType } from '../../spec/failures.js';
import { type Away, awayOf, type Evidence, type FaultKind, type FaultNote } from './evidence.js';

/** How much less than `host_timeout` a host may have been away, as the driver saw it, when it was lost: its last beat was before that. */
const SILENCE_MARGIN_S = 2;
/** Two times away so close to each other are one: between them the host was not heard. */
const JOINED_S = 3;
/** A barrier has one deadline, and who is not released reports within this over it. */
const BARRIER_S = 40;
/** A host that is gathered has so long to answer. */
const ANSWER_S = 10;
/** A host that is back is used again within this. */
const FOUND_AGAIN_S = 20;

type Note = { type: FailureType; atS: number; host: string | null; rank: number | null; generation: number; message: string };

/** Every failure that is not explained by what was done to the machines, or by how a program ended: nothing else may cost a run anything. */
export function explain(evidence: Evidence): string[] {
  const { run } = evidence;
  const found = run.notes.flatMap((note) => unexplained(evidence, note));
  const { status } = run;
  if (run.end !== 'failed' || status === null) return found;
  const last: Note = {
    ...{ type: status.reason as FailureType, atS: run.closedAtS ?? 0, host: null, rank: null },
    ...{ generation: status.generation, message: status.message },
  };
  if (last.type === 'RestartsExhausted') return [...found, ...exhausted(evidence)];
  return [...found, ...unexplained(evidence, last)];
}

function unexplained(evidence: Evidence, note: Note): string[] {
  const cause = CAUSES[note.type];
  if (cause?.(evidence, note)) return [];
  return [`nothing that was done explains ${note.type} in generation ${note.generation}${note.host === null ? '' : ` on ${note.host}`}: ${note.message}`];
}

const CAUSES: Partial<Record<FailureType, (evidence: Evidence, note: Note) => boolean>> = {
  CommandFailed: programFailed,
  ShimLost: ({ faults }, note) => happened(faults, ['shim-kill'], note),
  HostLost: (evidence, note) => wasAway(evidence, note) || (note.host === null && wasAwayAtAll(evidence)),
  HostStateLost: ({ faults }, note) => happened(faults, ['data-loss'], note),
  Fenced: ({ faults, run }, note) => run.task.fencing === 'strict' && hadNoTemporal(faults, note, run.task.hostTimeoutSeconds),
  Superseded: ({ faults }, note) => happened(faults, ['reset'], note),
  PeersUnreachable: waysWereClosed,
  NodeSetupFailed: ({ faults }, note) => happened(faults, ['disk-full', 'data-loss'], note),
  BarrierBroken: ({ faults }, { atS }) => faults.some(({ kind, fromS, untilS }) => DISTURBS.includes(kind) && fromS <= atS && untilS >= atS - BARRIER_S),
  Internal: ({ faults }, { message }) => /ended from outside/.test(message) && faults.some(({ kind, done }) => kind === 'cell-terminate' && done),
  Stopped: ({ faults }) => faults.some(({ kind }) => kind === 'stop'),
  QueueTimeout: (evidence, { atS }) => wasAwayAtAll(evidence, atS - FOUND_AGAIN_S) || wasDrained(evidence, atS - FOUND_AGAIN_S),
  GatherTimeout: (evidence, { atS }) => wasAwayAtAll(evidence, atS - FOUND_AGAIN_S),
};

/** What keeps nodes from the barrier. */
const DISTURBS: readonly FaultKind[] = [
  ...(['agent-kill', 'agent-freeze', 'server-kill', 'server-freeze', 'control-kill', 'control-freeze', 'temporal-cut', 'link-cut', 'link-block'] as const),
  ...(['disk-full', 'data-loss', 'reset', 'cell-terminate', 'shim-kill'] as const),
];

/** Its code is one that a program ended with by itself, or that of SIGKILL where one was sent. */
function programFailed({ lines, faults }: Evidence, { generation, rank, host, message }: Note): boolean {
  const code = Number(/(?:exited with code|ended with) (\d+)/.exec(message)?.[1]);
  const of = lines.filter((line) => line.generation === generation && (rank === null || line.rank === rank));
  const asked = new Set(of.filter(({ event }) => event === 'term').map(({ pid }) => pid));
  if (of.some((line) => line.event === 'exit' && line.code === code && !asked.has(line.pid))) return true;
  return code === 137 && faults.some((fault) => fault.kind === 'program-kill' && fault.done && (host === null || fault.host === host));
}

function happened(faults: readonly FaultNote[], kinds: readonly FaultKind[], { host, atS }: Note): boolean {
  return faults.some((fault) => kinds.includes(fault.kind) && fault.fromS <= atS && (host === null || fault.host === null || fault.host === host));
}

/** A way has two ends, and the failure is that of one of the two, or of the node that was to meet both: they are named in the message. */
function waysWereClosed({ faults }: Evidence, { atS, message }: Note): boolean {
  return faults.some(({ kind, host, fromS }) => ['link-block', 'link-cut'].includes(kind) && fromS <= atS && host !== null && message.includes(host));
}

/** For as long as a host may be silent, and until it was given up. */
function wasAway({ faults, run }: Evidence, { host, atS }: Note): boolean {
  const least = run.task.hostTimeoutSeconds - SILENCE_MARGIN_S;
  return joined(awayOf(faults)).some((away) => away.host === host && Math.min(away.untilS, atS) - away.fromS >= least && away.fromS < atS);
}

/** Nobody waits for a host that is away when it is asked for the first time; then any other will do, if there is one. */
function wasAwayAtAll({ faults, run }: Evidence, sinceS = 0): boolean {
  const least = Math.min(ANSWER_S, run.task.hostTimeoutSeconds) - SILENCE_MARGIN_S;
  return joined(awayOf(faults)).some(({ fromS, untilS }) => untilS - fromS >= least && untilS >= sinceS);
}

function wasDrained({ faults }: Evidence, sinceS: number): boolean {
  return faults.some(({ kind, done, untilS }) => kind === 'drain' && done && untilS >= sinceS);
}

/** An agent counts from the last answer, so a time without Temporal a little shorter than its limit may do. */
function hadNoTemporal(faults: readonly FaultNote[], { host, atS }: Note, hostTimeoutSeconds: number): boolean {
  const least = hostTimeoutSeconds - SILENCE_MARGIN_S;
  const kinds: readonly FaultKind[] = [
    'server-kill',
    'server-freeze',
    'temporal-cut',
    'link-cut',
    'link-block',
    'agent-freeze',
    'agent-kill',
    'control-kill',
    'control-freeze',
  ];
  const without = faults.filter((fault) => kinds.includes(fault.kind) && (fault.host === null || host === null || fault.host === host));
  const times = joined(without.map(({ fromS, untilS }) => ({ host: '', fromS, untilS, how: 'cut' as const })));
  return times.some(({ fromS, untilS }) => fromS < atS && untilS - fromS >= least);
}

function exhausted({ run }: Evidence): string[] {
  const { status, task } = run;
  const restarts = status?.restarts ?? 0;
  if (restarts >= task.attempts || (status?.losses ?? 0) >= task.losses) return [];
  return [`the run says that its restarts are used up after ${restarts} of ${task.attempts}, and ${status?.losses} of ${task.losses} losses`];
}

/** Times away of one host that are next to each other, as one. */
function joined(away: readonly Away[]): Away[] {
  const result: Away[] = [];
  for (const one of [...away].sort((a, b) => a.fromS - b.fromS)) {
    const before = result.find((other) => other.host === one.host && one.fromS - other.untilS <= JOINED_S);
    if (before) before.untilS = Math.max(before.untilS, one.untilS);
    else result.push({ ...one });
  }
  return result;
}
