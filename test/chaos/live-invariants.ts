import type { Evidence, Invariant } from './evidence.js';
import { awayOf } from './evidence.js';
import { excuses, nameOf } from './excuses.js';
import type { Line, Read } from './journal.js';

/** Between the replacement of the one file and that of the other. */
const REPLACED_S = 2;
/** Until a host's agent that is back has replaced what its predecessor left half done. */
const TAKEN_UP_S = 8;
/** What a leaver may take over `stop_duration`, from the moment at which others have the list without it. */
const LEAVE_S = 8;
/** Of a run that was reset nobody tells those that it has forgotten: an agent looks after what it keeps every 30 s. */
const FORGOTTEN_S = 35;

/** What is promised to programs that run on while their list changes; those that are started again are silent about it. */
export const LIVE_INVARIANTS: readonly Invariant[] = [
  { name: 'who reads a list reads a whole one, that of its generation', check: wholeLists },
  { name: 'what a start reads never goes back', check: readsNeverGoBack },
  { name: 'a change of the list restarts nobody who stays', check: whoStaysRunsOn },
  { name: 'who has left does not run on', check: leaversEnd },
  { name: 'everybody has the newest list when all is well again', check: ({ run }) => (run.unrest === null ? [] : [run.unrest]) },
  { name: 'every wish for another size is answered', check: wishesAreAnswered },
];

type Reading = Line & { read: Read };

/** What programs said of their files, without what was only seen of them. */
function readingsOf(lines: readonly Line[]): Reading[] {
  return lines.flatMap((line) => (line.read === undefined || line.read === 'unreadable' || OTHERS.includes(line.event) ? [] : [{ ...line, read: line.read }]));
}

const OTHERS: readonly Line['event'][] = ['seen', 'helper'];

function wholeLists({ lines, faults }: Evidence): string[] {
  const half = lines.filter(({ event, read }) => read === 'unreadable' && !OTHERS.includes(event)).map((line) => `${nameOf(line)} found no whole file`);
  const readings = readingsOf(lines);
  const listOf = new Map<number, Reading>();
  const other = readings.flatMap((line) => {
    const first = listOf.get(line.read.generation) ?? line;
    listOf.set(line.read.generation, first);
    const isSame = first.read.list === line.read.list;
    return isSame ? [] : [`generation ${line.read.generation} is ${line.read.list} for ${nameOf(line)}, and ${first.read.list} for ${nameOf(first)}`];
  });
  const known = new Set(readings.map(({ read }) => read.list));
  const away = awayOf(faults);
  const sinceS = new Map<number, number>();
  const apart = readings.flatMap((line) => {
    const { list, addresses, generation } = line.read;
    if (list === addresses) sinceS.delete(line.pid);
    if (list === addresses) return [];
    const fromS = sinceS.get(line.pid) ?? line.atS;
    sinceS.set(line.pid, fromS);
    if (!known.has(addresses)) return [`${nameOf(line)} read ${addresses}, which is nobody's list`];
    const isAway = away.some((one) => one.host === line.host && one.fromS <= line.atS && one.untilS + TAKEN_UP_S >= fromS);
    return isAway || line.atS - fromS < REPLACED_S ? [] : [`${nameOf(line)} reads ${addresses} beside ${list} of generation ${generation} since ${fromS}`];
  });
  return [...half, ...other, ...apart];
}

function readsNeverGoBack({ lines }: Evidence): string[] {
  const newest = new Map<string, number>();
  return readingsOf(lines).flatMap((line) => {
    const start = `${line.host} ${line.startNumber} ${line.pid}`;
    const before = newest.get(start) ?? 0;
    newest.set(start, Math.max(before, line.read.generation));
    return line.read.generation < before ? [`${nameOf(line)} reads generation ${line.read.generation} after ${before}`] : [];
  });
}

/** A start of a host that had one needs a failure, or a reset, since then; or the host had left, and has come again. */
function whoStaysRunsOn({ lines, run, faults }: Evidence): string[] {
  if (!run.task.live) return [];
  const readings = readingsOf(lines);
  const last = new Map<string, Reading>();
  return readings.flatMap((line) => {
    if (line.event !== 'start') return [];
    const before = last.get(line.host);
    last.set(line.host, line);
    if (before === undefined) return [];
    const between = (atS: number) => before.atS <= atS && atS <= line.atS;
    const hasFailed = run.notes.some(({ atS }) => between(atS)) || faults.some(({ kind, fromS }) => kind === 'reset' && between(fromS));
    const address = addressOf(before);
    const hasLeft = readings.some(({ atS, read }) => between(atS) && read.generation > before.read.generation && !read.list.split(',').includes(address));
    return hasFailed || hasLeft ? [] : [`${nameOf(line)} (${line.read.reason}) came after ${nameOf(before)}, and nothing had failed`];
  });
}

function leaversEnd({ lines, run, faults }: Evidence): string[] {
  if (!run.task.live) return [];
  const isExcused = excuses({ run, faults });
  const readings = readingsOf(lines);
  const starts = readings.filter(({ event }) => event === 'start');
  return starts.flatMap((start) => {
    const without = readings.find(
      ({ atS, read }) => atS >= start.atS && read.generation > start.read.generation && !read.list.split(',').includes(addressOf(start)),
    );
    if (without === undefined) return [];
    const wasReset = faults.some(({ kind, done, fromS }) => kind === 'reset' && done && fromS <= without.atS);
    const dueS = without.atS + run.task.stopDurationSeconds + LEAVE_S + (wasReset ? FORGOTTEN_S : 0);
    const late = lines.find((line) => line.host === start.host && line.startNumber === start.startNumber && line.atS > dueS && !isExcused(line.host, line.atS));
    return late === undefined ? [] : [`${nameOf(late)} lives, and ${nameOf(without)} read generation ${without.read.generation} without it`];
  });
}

function addressOf({ read }: Reading): string {
  return read.list.split(',')[read.rank] ?? '';
}

/** One that was terminated has nobody to answer. */
function wishesAreAnswered({ run }: Evidence): string[] {
  if (run.end === 'terminated' || run.end === 'open') return [];
  const open = (run.status?.resizes ?? []).filter(({ state }) => state === 'waiting');
  return open.map(({ id, nodes, message }) => `the run is ${run.end}, and the wish ${id} for ${nodes} nodes waits: ${message}`);
}
