import { readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Carrier, carries, scanProcesses } from './carriers.js';
import { endCgroup, killInside, processesIn, readCgroup } from './cgroup.js';
import { isFromHere, isLive, isSameProcess, type ProcessRecord, type ProcessStat, readProcess, readRecorded } from './identity.js';
import { isNodeError } from './node-error.js';
import { startedBeforeMs } from './process-age.js';
import { findProgram, readExit, readShim, releaseShim, shimAlive, startFile } from './start-dir.js';

export { findCarriers } from './carriers.js';

const stepMs = 25;
const killLimitMs = 5000;
const quietLimitMs = 1000;
const recordLimitMs = 2000;

/** What to end, and how. */
export interface Termination {
  /** The value of `MUSTER_COOKIE` in the processes' environment; one that ends with `/` stands for all that begin with it. */
  cookie: string;
  /** The polite signal, as `SIGTERM`. An unknown name throws before anything is touched. */
  signal: string;
  /** How long the processes have after the polite signal; 0: they are killed at once, unasked. */
  graceMs: number;
}

/** `clean`: nothing is left. `killed`: who needed SIGKILL. */
export interface TerminationResult {
  clean: boolean;
  killed: number[];
}

/**
 * Ends a start: the polite signal to the program's process group and to whatever else carries the cookie or is in the start's cgroup, the grace, then
 * SIGKILL to all of them until none is left (at most 5 s, else not clean), then whatever is left in the cgroup (the same) and the cgroup, last the shim,
 * which first records the exit where it can (at most 2 s). A shim that still waits is told to leave, so that its program never starts. Idempotent, resolves
 * as soon as all are gone; a record whose pid is another process's by now is not believed. Never signals pid 1, this process or its group.
 */
export async function terminateStart(how: Termination & { dir: string }): Promise<TerminationResult> {
  const polite = knownSignal(how.signal);
  const killed = new Set<number>();
  await sendAway(how.dir, killed);
  const gone = await endMembers(how, polite, killed);
  const cgroup = readCgroup(how.dir);
  const emptied = cgroup === undefined || (await endCgroup(cgroup, killed));
  const shimGone = await endShim(how.dir, killed);
  return { clean: gone && emptied && shimGone, killed: [...killed] };
}

/** Does anybody of the start live, but for its shim: in the program's group, or by the cookie? Whoever asks at the same time shares one look. */
export async function isAnybodyLeft(of: { dir: string; cookie: string }): Promise<boolean> {
  return (await findMembers(of)).all.length > 0;
}

/** As `terminateStart` for processes of which only the cookie is known, shims included: what is left of lost directories, or of all starts of a seat. */
export async function endCarriers(how: Termination): Promise<TerminationResult> {
  const killed = new Set<number>();
  const clean = await endMembers(how, knownSignal(how.signal), killed);
  return { clean, killed: [...killed] };
}

/** Ends these very processes, and no others that carry the same cookies: SIGTERM, the grace, SIGKILL. */
export async function endProcesses(known: readonly ProcessStat[], graceMs: number): Promise<void> {
  for (const it of known) {
    signalProcess(it, 'SIGTERM');
    // A stopped process cannot obey.
    signalProcess(it, 'SIGCONT');
  }
  const limit = performance.now() + graceMs;
  while (known.some(isStillThere) && performance.now() < limit) await nextStep(limit);
  for (const it of known) signalProcess(it, 'SIGKILL');
}

/** The polite signal, the grace, SIGKILL until nobody is left. False when somebody was left after 5 s of that. */
async function endMembers(how: Scope & Termination, polite: NodeJS.Signals, killed: Set<number>): Promise<boolean> {
  let scope: Scope = how;
  if (how.graceMs > 0) {
    const asked = await findMembers(how);
    signalAll(asked, polite);
    // A stopped process cannot obey.
    signalAll(asked, 'SIGCONT');
    scope = { ...how, proven: asked.all };
    await waitUntilGone(scope, asked.all, performance.now() + how.graceMs);
  }
  const limit = performance.now() + killLimitMs;
  let left = await findMembers(scope);
  while (left.all.length > 0 && performance.now() < limit) {
    for (const it of left.all) killed.add(it.pid);
    signalAll(left, 'SIGKILL');
    // Also who is being forked just now: a program that forks without end is not outrun one by one.
    if (left.cgroup !== undefined) killInside(left.cgroup);
    await nextStep();
    left = await findMembers(scope);
  }
  return left.all.length === 0;
}

/** Makes a shim that still waits leave. Afterwards the program has either started or never will. */
async function sendAway(dir: string, killed: Set<number>): Promise<void> {
  if (findProgram(dir) !== undefined) return;
  releaseShim(dir, 'abort');
  const shim = readShim(dir);
  if (shim === undefined) return;
  const waiter = { ...shim, pid: shim.waiterPid, startTime: shim.waiterStartTime };
  const decided = () => findProgram(dir) !== undefined || !(isSameProcess(waiter) || isSameProcess(shim));
  if (await until(decided, quietLimitMs)) return;
  for (const it of [waiter, shim]) if (kill(it)) killed.add(it.pid);
  await until(() => !isSameProcess(waiter), quietLimitMs);
}

/** Lets the shim record the exit of a program that is gone, then ends it. True when it is gone. */
async function endShim(dir: string, killed: Set<number>): Promise<boolean> {
  const shim = readShim(dir);
  // A stopped shim cannot record.
  if (shim !== undefined && isSameProcess(shim)) send(shim.pid, 'SIGCONT');
  if (await until(() => !shimAlive(dir), recordLimitMs)) return true;
  if (shim !== undefined && kill(shim)) killed.add(shim.pid);
  return until(() => !shimAlive(dir), quietLimitMs);
}

interface Scope {
  dir?: string;
  cookie: string;
  /** Who was a member before: its group is the program's as long as it is there. */
  proven?: readonly ProcessStat[];
}

interface Members {
  /** The process group that is proven to be the program's. */
  group: number | undefined;
  /** The start's own, where it has one. */
  cgroup: string | undefined;
  /** Everybody in the group or the cgroup, and who carries the cookie elsewhere. */
  all: ProcessStat[];
}

async function findMembers({ dir, cookie, proven = [] }: Scope): Promise<Members> {
  const processes = await scanProcesses();
  const program = dir === undefined ? undefined : findProgram(dir);
  const shim = dir === undefined ? undefined : readShim(dir);
  // The shim and its helper (sync) carry the cookie too; they are ended last.
  const shimSession = shim !== undefined && readRecorded(shim) !== undefined ? shim.pid : undefined;
  const candidates = processes.filter((it) => it.sid !== shimSession);

  const inGroup = program === undefined ? [] : candidates.filter((it) => it.pgid === program.pid && it.sid === program.pid);
  const wasHere = inGroup.some((it) => proven.some(({ pid, startTime }) => it.pid === pid && it.startTime === startTime));
  const ours = program !== undefined && dir !== undefined && (wasHere || isOurGroup(program, inGroup, cookie, dir));
  const group = ours && program.pid !== ownGroup() ? program.pid : undefined;
  const cgroup = dir === undefined ? undefined : readCgroup(dir);
  const inside = new Set(cgroup === undefined ? [] : processesIn(cgroup));
  const own = ownGroup();
  const isElsewhere = (it: Carrier) => (carries(it, cookie) || inside.has(it.pid)) && it.pgid !== own;
  const all = candidates.filter((it) => (group !== undefined && it.pgid === group && it.sid === group) || isElsewhere(it));
  return { group: group !== undefined && inGroup.length > 0 ? group : undefined, cgroup, all };
}

/**
 * Whether the group under the program's pid is still the program's. The kernel gives the number to nobody else while the group has members, so it is
 * enough that the program itself is there, or one member that is surely of its time, or that writes to the start's output.
 */
function isOurGroup(program: ProcessRecord, inGroup: Carrier[], cookie: string, dir: string): boolean {
  if (!isFromHere(program)) return false;
  const leader = readProcess(program.pid);
  if (leader !== undefined) return leader.startTime === program.startTime;
  const endedAtMs = readExit(dir)?.endedAtMs;
  const lived = (it: Carrier) => it.startTime >= program.startTime && endedAtMs !== undefined && startedBeforeMs(it, endedAtMs);
  return inGroup.some((it) => carries(it, cookie) || lived(it) || writesTo(it.pid, startFile(dir, 'output')));
}

/** Is this file what the process has for its output? */
function writesTo(pid: number, path: string): boolean {
  return [1, 2].some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === path;
    } catch {
      return false;
    }
  });
}

/** Waits until all of them are gone and nobody has taken their place, or until the limit. */
async function waitUntilGone(how: Scope, known: ProcessStat[], limit: number): Promise<void> {
  let left = known;
  while (left.length > 0 && performance.now() < limit) {
    await nextStep(limit);
    left = left.filter(isStillThere);
    // Who was known is gone: look once more, a scan is too dear for every step.
    if (left.length === 0) left = (await findMembers(how)).all;
  }
}

function isStillThere(known: ProcessStat): boolean {
  const now = readProcess(known.pid);
  return now !== undefined && now.startTime === known.startTime && isLive(now);
}

function signalAll({ group, all }: Members, signal: NodeJS.Signals): void {
  if (group !== undefined) signalGroup(group, signal);
  for (const it of all) if (it.pgid !== group) signalProcess(it, signal);
}

function knownSignal(name: string): NodeJS.Signals {
  if (!(name in constants.signals)) throw new Error(`There is no signal ${name}`);
  return name as NodeJS.Signals;
}

function signalGroup(pgid: number, signal: NodeJS.Signals): void {
  if (pgid > 1) send(-pgid, signal);
}

function signalProcess(known: ProcessStat, signal: NodeJS.Signals): void {
  if (known.pid > 1 && known.pid !== process.pid && isStillThere(known)) send(known.pid, signal);
}

function kill(record: ProcessRecord): boolean {
  if (record.pid <= 1 || record.pid === process.pid || !isSameProcess(record)) return false;
  send(record.pid, 'SIGKILL');
  return true;
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    // Gone meanwhile, or another user's: whether anybody is left is seen by looking.
    if (!isNodeError(error, 'ESRCH', 'EPERM')) throw error;
  }
}

function ownGroup(): number | undefined {
  return readProcess(process.pid)?.pgid;
}

async function until(holds: () => boolean, limitMs: number): Promise<boolean> {
  const limit = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() >= limit) return false;
    await sleep(5);
  }
  return true;
}

/** Waits for the next point of a common 25 ms grid, so that terminations that run at the same time share their scans. */
function nextStep(limit = Number.POSITIVE_INFINITY): Promise<void> {
  const now = performance.now();
  return sleep(Math.max(1, Math.min(stepMs - (now % stepMs), limit - now)));
}
