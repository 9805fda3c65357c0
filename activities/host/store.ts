import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { FormerSeat } from '../../spec/activities.js';
import type { Failure } from '../../spec/failures.js';
import type { NodeEnd, Program, RunRef, StartReason } from '../../spec/nodes.js';
import { replaceFile, replaceFileDurably } from './replace-file.js';

/** The version of what is on disk; an agent refuses a newer one than its own. */
const STATE_VERSION = 1;

/** One start of a seat, as it stands on disk. Replaced atomically at each step. */
export interface StartRecord {
  version: number;
  run: RunRef;
  host: string;
  startNumber: number;
  gathering: string;
  program: Program;
  /** `prepared`: the shim waits; `meeting`: at the barrier; `released`: the program was let go; `reported`: its end is known. */
  stage: 'prepared' | 'meeting' | 'released' | 'reported';
  generation: number;
  rank: number;
  /** Which node it was from which byte of its output on, the newest last. */
  spans: OutputSpan[];
  /** Why it was started. */
  reason: StartReason;
  /** The list before the last change, as long as the program was not told of that. */
  oldList: string | null;
  /** This node's own; empty before it was chosen. */
  address: string;
  /** The run's: whoever has it may ask about the seat. Empty before the first roster. */
  token: string;
  /** It passed its gate, in the first of two waves. */
  up: boolean;
  /** The nodes of all waves were released. */
  opened: boolean;
  /** Rank 0's: lost hosts whose agents are called until they have ended what they still run. */
  fence: FormerSeat[];
  /** Held until the start. */
  freePort: number | null;
  /** The activity that waits for the end. */
  activity: { token: string; workflowId: string; activityId: string } | null;
  /** Why it is being ended, from the moment on that somebody wants that. `gaveUp`: this host, though its program did nothing wrong by its exit code. */
  ending: { why: Failure; gaveUp: boolean } | null;
  end: NodeEnd | null;
}

/** Output from this byte on is of this generation, and of the node that had this rank in it. */
export interface OutputSpan {
  from: number;
  generation: number;
  rank: number;
}

/** What a run may no longer do on this host. */
export interface Tombstone {
  generation: number;
  startNumber: number;
  gatherings: string[];
}

const NO_TOMBSTONE: Tombstone = { generation: 0, startNumber: 0, gatherings: [] };

const tombstoneFile = z.object({ generation: z.int(), startNumber: z.int(), gatherings: z.array(z.string()) });

// What an agent cannot carry on without. The rest was written by the same hand.
const startFile = z.looseObject({
  version: z.literal(STATE_VERSION),
  run: z.looseObject({ handle: z.string(), runId: z.string() }),
  host: z.string(),
  startNumber: z.int(),
  gathering: z.string(),
  program: z.looseObject({ startup: z.looseObject({}), stopSignal: z.string(), stopDurationSeconds: z.number() }),
  stage: z.enum(['prepared', 'meeting', 'released', 'reported']),
  generation: z.int(),
  rank: z.int(),
  // Older agents did not write these.
  spans: z.array(z.object({ from: z.int(), generation: z.int(), rank: z.int() })).catch([]),
  reason: z.enum(['first', 'restart', 'rescale', 'replaced']).catch('first'),
  oldList: z.string().nullable().catch(null),
  fence: z.array(z.object({ host: z.string(), address: z.string(), port: z.int(), startNumber: z.int() })).catch([]),
  ending: z
    .looseObject({ why: z.looseObject({ type: z.string(), message: z.string() }), gaveUp: z.boolean() })
    .nullable()
    .catch(null),
});

export function runDir(dataDir: string, runId: string): string {
  return join(dataDir, 'runs', runId);
}

export function startDir(dataDir: string, runId: string, startNumber: number): string {
  return join(runDir(dataDir, runId), 'starts', String(startNumber));
}

/** The roster of a start: its `MUSTER_ROSTER_FILE`. */
export function rosterPath(dataDir: string, runId: string, startNumber: number): string {
  return join(startDir(dataDir, runId, startNumber), 'roster.json');
}

/** The numbers of all starts of a run on this host, ascending. */
export function listStarts(dataDir: string, runId: string): number[] {
  return names(join(runDir(dataDir, runId), 'starts'))
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => a - b);
}

export function listRuns(dataDir: string): string[] {
  return names(join(dataDir, 'runs'));
}

/** Undefined where there is none, or none that can be read: a crash while it was made, or another version's. */
export function readStart(dataDir: string, runId: string, startNumber: number): StartRecord | undefined {
  return readJson(join(startDir(dataDir, runId, startNumber), 'start.json'), startFile) as StartRecord | undefined;
}

/** Atomic; not synced: after a power cut there is no process to remember. */
export function writeStart(dataDir: string, record: Omit<StartRecord, 'version'>): void {
  const dir = startDir(dataDir, record.run.runId, record.startNumber);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const text = JSON.stringify({ ...record, version: STATE_VERSION });
  replaceFile(join(dir, 'start.json'), text);
}

export function readTombstone(dataDir: string, runId: string): Tombstone {
  const path = tombstonePath(dataDir, runId);
  return unwritten.get(path) ?? readJson(path, tombstoneFile) ?? NO_TOMBSTONE;
}

/** There is a tombstone that says nothing: nobody knows what is forbidden, so nothing of the run may start here. */
export function isTombstoneDamaged(dataDir: string, runId: string): boolean {
  const path = tombstonePath(dataDir, runId);
  return !unwritten.has(path) && existsSync(path) && readJson(path, tombstoneFile) === undefined;
}

/** Tombstones that a full disk keeps from being written: they hold as long as this agent lives, and are written with the next. */
const unwritten = new Map<string, Tombstone>();

/**
 * Raises the run's tombstone, synced to the disk before it returns: late work must not start after a reboot either. Throws where the disk does not take it;
 * then it holds as long as this agent lives.
 */
export function raiseTombstone(dataDir: string, runId: string, at: { generation: number; startNumber: number; gathering: string | null }): void {
  const old = readTombstone(dataDir, runId);
  const gatherings = at.gathering && !old.gatherings.includes(at.gathering) ? [...old.gatherings, at.gathering] : old.gatherings;
  const raised: Tombstone = {
    generation: Math.max(old.generation, at.generation),
    startNumber: Math.max(old.startNumber, at.startNumber),
    gatherings,
  };
  const path = tombstonePath(dataDir, runId);
  unwritten.set(path, raised);
  mkdirSync(runDir(dataDir, runId), { recursive: true, mode: 0o700 });
  replaceFileDurably(path, JSON.stringify(raised));
  unwritten.delete(path);
}

function tombstonePath(dataDir: string, runId: string): string {
  return join(runDir(dataDir, runId), 'tombstone.json');
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function readJson<T>(path: string, shape: z.ZodType<T>): T | undefined {
  try {
    return shape.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    return undefined;
  }
}
