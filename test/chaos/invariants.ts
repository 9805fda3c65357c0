import type { Evidence, Invariant } from './evidence.js';
import { excuses, nameOf } from './excuses.js';
import { explain } from './explanations.js';
import type { Line } from './journal.js';
import { LIVE_INVARIANTS } from './live-invariants.js';

/** Between the last breath of a process and the end of its run, as two clocks read by two programs show it. */
const CLOSE_GRACE_S = 0.3;
/** What an agent may take to notice that its run was terminated. */
const TERMINATED_GRACE_S = 8;
/** A broken barrier is tried again so often, and a cell that is gone while hosts are gathered. */
const FREE_TRIES = 3;

export const INVARIANTS: readonly Invariant[] = [
  { name: 'the nodes of a generation saw byte-identical lists', check: sameLists },
  { name: 'ranks are 0…N-1', check: ranks },
  { name: 'start numbers of a seat grow', check: startNumbersGrow },
  { name: 'a seat has at most one live process', check: oneProcessPerSeat },
  { name: 'no process of a generation lives, on a host that answers, when one of the next runs', check: oneGeneration },
  { name: 'generations never go back', check: generationsNeverGoBack },
  { name: 'every run ends', check: everyRunEnds },
  { name: 'no process outlives its run on a host that can be reached', check: nothingOutlives },
  { name: 'no lease outlives its run', check: noLeaseOutlives },
  { name: 'budgets are kept', check: budgetsAreKept },
  { name: 'a run that succeeded has the exit codes of its programs', check: exitCodesAreKept },
  { name: 'every failure has a cause', check: ({ ...evidence }) => explain(evidence) },
  ...LIVE_INVARIANTS,
];

/** All that does not hold, each with the name of its invariant. */
export function violations(evidence: Evidence): string[] {
  return INVARIANTS.flatMap(({ name, check }) => [...new Set(check(evidence))].map((what) => `${name}: ${what}`));
}

function sameLists({ lines, run }: Evidence): string[] {
  return byGeneration(lines).flatMap(([generation, starts]) => {
    // A file may be newer than the environment, where it may change.
    const seen = new Set(starts.map(({ list, roster, nodes }) => `${list} ${run.task.live ? '' : roster} ${nodes}`));
    return seen.size > 1 ? [`generation ${generation} has ${seen.size} different lists: ${starts.map(nameOf).join(', ')}`] : [];
  });
}

function ranks({ lines, run }: Evidence): string[] {
  const generations = byGeneration(lines);
  return generations.flatMap(([generation, starts], index) => {
    const hostOf = new Map<number, string>();
    const wrong = starts.flatMap((start) => {
      const { rank, nodes, host } = start;
      const other = hostOf.get(rank) ?? host;
      hostOf.set(rank, other);
      if (rank < 0 || rank >= nodes) return [`rank ${rank} of ${nodes} in generation ${generation} on ${host}`];
      return other === host ? [] : [`rank ${rank} of generation ${generation} is on ${other} and on ${host}`];
    });
    const isLast = index === generations.length - 1;
    // Of a list that changes live, only newcomers start with it.
    const missing = run.end === 'succeeded' && isLast && !run.task.live && hostOf.size !== (starts[0]?.nodes ?? 0);
    return missing ? [...wrong, `only ranks ${[...hostOf.keys()].join(', ')} of generation ${generation} ever started, and the run succeeded`] : wrong;
  });
}

function startNumbersGrow({ lines, faults }: Evidence): string[] {
  const newest = new Map<string, Line>();
  return lines.flatMap((line) => {
    if (line.event !== 'start') return [];
    const before = newest.get(line.host);
    newest.set(line.host, line);
    if (before === undefined || line.startNumber > before.startNumber) return [];
    // Who has lost its data directory is another seat.
    const isAnother = faults.some(({ kind, host, fromS }) => kind === 'data-loss' && host === line.host && fromS <= line.atS && fromS >= before.atS);
    return isAnother ? [] : [`${nameOf(line)} came after ${nameOf(before)}`];
  });
}

function oneProcessPerSeat({ lines }: Evidence): string[] {
  const newest = new Map<string, Line>();
  return lines.flatMap((line) => {
    const current = newest.get(line.host);
    if (line.event === 'start') newest.set(line.host, line);
    if (line.event === 'start' || current === undefined || current.atS > line.atS) return [];
    const isOld = line.startNumber !== current.startNumber || line.generation !== current.generation;
    return isOld ? [`${nameOf(line)} lives after ${nameOf(current)} has begun`] : [];
  });
}

function oneGeneration({ lines, run, faults }: Evidence): string[] {
  const { live, scope } = run.task;
  // Who runs on while its list changes has an older environment than those that came later; a restart of all ends it, too.
  if (live && scope === 'node') return [];
  const isAnew = ({ event, read }: Line) => event === 'start' && (!live || (typeof read === 'object' && read.reason === 'restart'));
  const isExcused = excuses({ run, faults });
  let newest: Line | undefined;
  return lines.flatMap((line) => {
    if (isAnew(line) && line.generation > (newest?.generation ?? 0)) newest = line;
    if (newest === undefined || line.event === 'start' || line.generation >= newest.generation) return [];
    return isExcused(line.host, line.atS) ? [] : [`${nameOf(line)} lives while ${nameOf(newest)} runs`];
  });
}

function generationsNeverGoBack({ lines, run }: Evidence): string[] {
  // One that starts alone while newcomers meet the others has the list before theirs, and takes theirs over at once.
  if (run.task.live && run.task.scope === 'node') return [];
  let newest: Line | undefined;
  return lines.flatMap((line) => {
    if (line.event !== 'start') return [];
    if (newest === undefined || line.generation >= newest.generation) {
      newest = line;
      return [];
    }
    return [`${nameOf(line)} began after ${nameOf(newest)}`];
  });
}

function everyRunEnds({ run }: Evidence): string[] {
  return run.end === 'open' ? [`${run.handle} is ${run.status?.phase ?? 'unknown'} (${run.status?.message ?? 'it never answered'})`] : [];
}

function nothingOutlives({ lines, run, faults, leftovers }: Evidence): string[] {
  const isExcused = excuses({ run, faults });
  const graceS = run.end === 'terminated' ? TERMINATED_GRACE_S + run.task.stopDurationSeconds : CLOSE_GRACE_S;
  const late = lines.filter(({ host, atS }) => run.closedAtS !== null && atS > run.closedAtS + graceS && !isExcused(host, atS));
  const left = leftovers.map(({ host, pid, command }) => `process ${pid} is left on ${host}: ${command}`);
  return [...late.map((line) => `${nameOf(line)} lives after the run has ${run.end === 'terminated' ? 'been terminated' : run.end}`), ...left];
}

function noLeaseOutlives({ leases, unusable }: Evidence): string[] {
  return [...leases.map(({ host, runId }) => `${host} is still held for ${runId}`), ...(unusable === null ? [] : [unusable])];
}

function budgetsAreKept({ lines, run, faults }: Evidence): string[] {
  const { task, status, notes } = run;
  // Whoever resets a run gives it the budget of its earlier self.
  const lives = 1 + faults.filter(({ kind, done }) => kind === 'reset' && done).length;
  const found: string[] = [];
  const restarts = status?.restarts ?? 0;
  const allowed = task.attempts * (task.scope === 'node' ? Math.max(task.nodes, ...lines.map(({ nodes }) => nodes)) : 1);
  if (restarts > allowed) found.push(`${restarts} restarts were charged, and ${allowed} are allowed`);
  if ((status?.losses ?? 0) > task.losses) found.push(`${status?.losses} losses were charged, and ${task.losses} are allowed`);
  // Each of them was noted: a change of the list, for whatever reason, is charged to nobody.
  const charged = restarts + (status?.losses ?? 0);
  if (charged > notes.length) found.push(`${charged} restarts and losses were charged, and ${notes.length} failures were noted`);
  const generations = byGeneration(lines);
  const rescales = faults.filter(({ kind, done }) => (kind === 'rescale' || kind === 'drain') && done).length;
  const free =
    notes.filter(({ type }) => type === 'BarrierBroken').length + faults.filter(({ kind, done }) => kind === 'cell-terminate' && done).length * FREE_TRIES;
  const losses = notes.filter(({ type }) => LOSSES.includes(type)).length;
  const most = lives * (1 + (task.scope === 'all' ? task.attempts : allowed)) + losses + free + rescales;
  // An elastic run grows as often as hosts come.
  if (!task.elastic && generations.length > most) found.push(`${generations.length} generations began, and ${most} are allowed`);
  for (const [generation, starts] of generations) {
    for (const host of new Set(starts.map((start) => start.host))) {
      const count = starts.filter((start) => start.host === host).length;
      const limit = task.scope === 'node' ? 1 + task.attempts * lives : 1;
      if (count > limit) found.push(`${host} began ${count} times in generation ${generation}, and ${limit} are allowed`);
    }
  }
  return found;
}

const LOSSES: readonly string[] = ['HostLost', 'HostStateLost', 'HostRestarted', 'Fenced'];

function exitCodesAreKept({ lines, run }: Evidence): string[] {
  if (run.end !== 'succeeded') return [];
  const { live } = run.task;
  const [, ofLast] = byGeneration(lines).at(-1) ?? [];
  const starts = live ? lines.filter(({ event }) => event === 'start') : ofLast;
  const nodes = run.status?.nodes ?? [];
  return nodes.flatMap(({ rank, host, exitCode }) => {
    const last = starts?.filter((start) => (live ? start.host === host : start.rank === rank)).at(-1);
    if (last === undefined) return [`rank ${rank} on ${host} never started in the last generation`];
    const exit = lines.find(
      ({ event, pid, startNumber, host: on }) => event === 'exit' && pid === last.pid && startNumber === last.startNumber && on === last.host,
    );
    if (exit === undefined) return [`the run succeeded, and ${nameOf(last)} did not end by itself`];
    return exit.code === exitCode && exit.code === 0 ? [] : [`${nameOf(last)} ended with ${exit.code}, and the run that succeeded says ${exitCode}`];
  });
}

function byGeneration(lines: readonly Line[]): [number, Line[]][] {
  const starts = lines.filter(({ event }) => event === 'start');
  const generations = [...new Set(starts.map(({ generation }) => generation))].sort((a, b) => a - b);
  return generations.map((generation) => [generation, starts.filter((start) => start.generation === generation)]);
}
