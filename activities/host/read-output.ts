import { setTimeout as pause } from 'node:timers/promises';
import type { OutputChunk, OutputFilter, ReadOutputInput } from '../../spec/activities.js';
import { outputSize, readOutput, waitForOutput } from '../process/output.js';
import { findTail } from '../process/output-tail.js';
import { offsetSince, readTimes } from '../process/output-times.js';
import type { Agent } from './agent.js';
import { mayGoOn, type OutputPart, partsOf, wantedParts } from './output-spans.js';
import type { Seats } from './seats.js';
import { listStarts, readStart, startDir } from './store.js';

const MOST_BYTES = 256 * 1024;
const LONGEST_WAIT_MS = 5_000;
/** A program that writes much that is not wanted wakes who waits so often at most. */
const AGAIN_AFTER_MS = 50;
/** Clocks that are kept in step differ by less, and what is known of the server's is no more precise. */
const SAME_CLOCK_MS = 1_000;
const EVERYTHING: OutputFilter = { ranks: null, generation: null, sinceMs: null };

/** A piece of what a run has written here, as the filter wants it. Waits for it as long as it was asked to, where there is none yet and more may come. */
export async function readChunk(agent: Agent, seats: Seats, input: ReadOutputInput): Promise<OutputChunk> {
  const { runId, tail } = input;
  const starts = listStarts(agent.dataDir, runId);
  const newest = Math.max(0, ...starts);
  let { startNumber, offset } = { startNumber: input.startNumber ?? newest, offset: input.offset };
  const next = starts.find((each) => each >= startNumber);
  // Old starts are removed: what comes after them goes on.
  if (next !== undefined && next !== startNumber) ({ startNumber, offset } = { startNumber: next, offset: 0 });
  if (tail !== undefined) ({ startNumber, offset } = await findStartOfTail(agent, seats, input, tail));
  const untilMs = performance.now() + Math.min(input.waitMs, LONGEST_WAIT_MS);
  for (;;) {
    const over = seats.get(runId, startNumber)?.over;
    const wasOver = over?.aborted === true;
    const chunk = await readOnce(agent, seats, { ...input, startNumber, offset }, newest);
    const leftMs = untilMs - performance.now();
    if (chunk.data !== '' || chunk.end || leftMs <= 0 || wasOver) return chunk;
    await waitForOutput(startDir(agent.dataDir, runId, startNumber), chunk.nextOffset, leftMs, over);
    // What is passed over once need not be looked at again.
    if (chunk.nextOffset > offset) await pause(AGAIN_AFTER_MS);
    offset = chunk.nextOffset;
  }
}

async function readOnce(agent: Agent, seats: Seats, input: ReadOutputInput & { startNumber: number }, newest: number): Promise<OutputChunk> {
  const { runId, startNumber, filter = EVERYTHING } = input;
  const dir = startDir(agent.dataDir, runId, startNumber);
  const { record, parts, wanted, since } = lookAt(agent, seats, runId, startNumber, filter);
  // Looked at before the output is: who has ended writes no more. Of a start whose record is damaged nothing will come once there is another.
  const wasEnded = record ? record.end !== null : startNumber < newest;
  const from = Math.max(input.offset, since);
  const part = wanted.find(({ to }) => to === null || to > from);
  const offset = part === undefined ? Math.max(from, outputSize(dir)) : Math.max(from, part.from);
  const maxBytes = Math.min(input.maxBytes, MOST_BYTES, (part?.to ?? Number.POSITIVE_INFINITY) - offset);
  const chunk = await readOutput(dir, offset, part === undefined ? 0 : maxBytes);
  const { data, nextOffset, size, skippedBytes } = chunk;
  const of = part ?? parts.at(-1);
  return {
    ...{ startNumber, data: data.toString('base64'), nextOffset, size, skippedBytes },
    ...(record && of ? { rank: of.rank, generation: of.generation } : {}),
    times: timesOf(dir, nextOffset - data.length, nextOffset, skewOf(agent)),
    end: (wasEnded && nextOffset >= size) || (part === undefined && !mayGoOn(parts, filter)),
  };
}

/** A start, the parts of its output, and from which byte on the filter lets it through. */
function lookAt(agent: Agent, seats: Seats, runId: string, startNumber: number, filter: OutputFilter) {
  const live = seats.get(runId, startNumber);
  live?.times.note();
  const record = live?.record ?? readStart(agent.dataDir, runId, startNumber);
  // Of one whose record is damaged nobody knows whose output it is.
  const parts: OutputPart[] = record ? partsOf(record) : [{ from: 0, to: null, generation: 0, rank: 0 }];
  const { sinceMs } = filter;
  const times = () => readTimes(startDir(agent.dataDir, runId, startNumber));
  const since = sinceMs === null ? 0 : offsetSince(times(), sinceMs + skewOf(agent));
  return { record, parts, wanted: wantedParts(parts, filter), since };
}

/** Where the last lines of a run begin on this host: in its newest start, or an older one. */
async function findStartOfTail(agent: Agent, seats: Seats, { runId, filter = EVERYTHING }: ReadOutputInput, lines: number) {
  let left = lines;
  let found: { startNumber: number; offset: number } | undefined;
  for (const startNumber of listStarts(agent.dataDir, runId).reverse()) {
    const { wanted, since } = lookAt(agent, seats, runId, startNumber, filter);
    const dir = startDir(agent.dataDir, runId, startNumber);
    const tail = await tailOf(dir, wanted, since, left);
    if (found === undefined || tail.lines > 0) found = { startNumber, offset: tail.offset };
    left -= tail.lines;
    if (left <= 0) break;
  }
  return found ?? { startNumber: 1, offset: 0 };
}

/** The same within one start: of the parts that are wanted, whatever stands between them. */
async function tailOf(dir: string, wanted: readonly OutputPart[], since: number, lines: number): Promise<{ offset: number; lines: number }> {
  let offset: number | undefined;
  let found = 0;
  for (const { from, to } of wanted.toReversed()) {
    const tail = await findTail(dir, lines - found, Math.max(since, from), to ?? outputSize(dir));
    if (offset === undefined || tail.lines > 0) offset = tail.offset;
    found += tail.lines;
    if (found >= lines) break;
  }
  return { offset: offset ?? since, lines: found };
}

/** How far this host's clock is off, where that is more than what comes of the way of messages. */
function skewOf({ clock }: Agent): number {
  const skewMs = clock.skewMs ?? 0;
  return Math.abs(skewMs) < SAME_CLOCK_MS ? 0 : skewMs;
}

/** When the bytes of this range were written. */
function timesOf(dir: string, from: number, to: number, skewMs: number): [number, number][] {
  const times: [number, number][] = [];
  let at = from;
  for (const mark of to > from ? readTimes(dir) : []) {
    if (mark.size <= at) continue;
    const upTo = Math.min(mark.size, to);
    times.push([upTo - at, Math.round(mark.atMs - skewMs)]);
    at = upTo;
    if (at === to) break;
  }
  return times;
}
