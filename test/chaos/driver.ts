import { setMaxListeners } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readVariable } from '../../activities/process/carriers.js';
import { findCarriers } from '../../activities/process/terminate.js';
import { fleetWorkflowId } from '../../spec/ids.js';
import { hosts as hostsQuery, status as statusQuery } from '../../spec/messages.js';
import type { RunStatus } from '../../spec/nodes.js';
import { startTask } from '../helpers/machines.js';
import { untilWithin } from '../helpers/until.js';
import type { Evidence, FaultNote, RunEvidence } from './evidence.js';
import { hostOf, makeFault, resumeHost, type Scene } from './faults.js';
import { violations } from './invariants.js';
import { uptimeS } from './journal.js';
import type { FaultPlan, RoundPlan } from './plan.js';
import { writeProgram } from './program.js';
import type { Stack } from './stack.js';
import { unrestOf } from './unrest.js';
import { Watcher } from './watcher.js';

/** A fault that waits for something that does not come, comes all the same after this. */
const TRIGGER_LIMIT_MS = 8_000;
/** After the last fault is healed a run has so long to end. */
const END_LIMIT_MS = 100_000;
/** What is left of a run that is closed: the orphan check of an agent is every 30 s. */
const LEFT_LIMIT_MS = 40_000;
/** What is done before a run begins has begun by then. */
const EARLY_MS = 500;
const PROBE_LIMIT_MS = 75_000;
const ASK_EVERY_MS = 250;
const ASK_LIMIT_MS = 5_000;

export interface RoundResult {
  evidence: Evidence;
  violations: string[];
  /** From the last fault that was made to all nodes of a next generation running, or to the end of the run. */
  recoveryS: number;
  tookS: number;
}

/** Plays a round: starts its run, makes its faults, heals them, lets the run end, and judges what was seen. Nothing is asked of Temporal any more afterwards. */
export async function playRound(stack: Stack, plan: RoundPlan): Promise<RoundResult> {
  const over = new AbortController();
  // Every call that is under way listens.
  setMaxListeners(0, over.signal);
  try {
    return await stack.client.withAbortSignal(over.signal, () => play(stack, plan));
  } finally {
    over.abort();
  }
}

async function play(stack: Stack, plan: RoundPlan): Promise<RoundResult> {
  const startedS = uptimeS();
  const dir = join(stack.dir, `round-${plan.seed}-${plan.round}-${Date.now()}`);
  mkdirSync(dir);
  const { task, journal, end } = writeProgram(dir, plan.program);
  const watcher = new Watcher(journal);
  const faults: FaultNote[] = [];
  const turns = new Map<string, Promise<unknown>>();
  const [early, later] = [true, false].map((isEarly) => plan.faults.filter(({ on }) => (on === 'before') === isEarly)) as [FaultPlan[], FaultPlan[]];
  const nothing: Scene = { stack, watcher, run: '', task: plan.facts, status: () => null };
  const before = early.map((fault) => takeTurn(nothing, fault, faults, turns));
  if (early.length > 0) await pause(EARLY_MS);
  const run = await startTask(stack.client, withCommands(plan.task, task));
  const follower = new RunFollower(stack, run);
  const scene: Scene = { ...nothing, run, status: () => follower.status };
  try {
    const lasts = plan.program.ticks.some((ticks) => ticks > 1_000);
    await Promise.all([...before, ...later.map((fault) => takeTurn(scene, fault, faults, turns))]);
    await stack.mend();
    await resumeAll(stack);
    const unrest = plan.program.reads ? await unrestOf(scene, follower) : null;
    // A program that waits has to be seen running for a moment after everything.
    if (lasts && !follower.isClosed) await pause(500);
    writeFileSync(end, '');
    await follower.untilClosed(END_LIMIT_MS);
    const closedS = uptimeS();
    const ended = follower.evidence(plan, unrest);
    const leftovers = await leftoversOf(ended.runId);
    const { unusable, leases } = await probe(stack);
    watcher.close();
    const evidence: Evidence = { lines: watcher.lines, run: ended, faults, leftovers, leases, unusable };
    const lastS = Math.max(startedS, ...faults.map(({ fromS }) => fromS));
    return { evidence, violations: violations(evidence), recoveryS: recovery(evidence, lastS, closedS), tookS: uptimeS() - startedS };
  } finally {
    follower.stop();
    watcher.close();
  }
}

/** What each group of a task runs is said in the group. */
function withCommands(plan: Record<string, unknown>, { commands, ...program }: ReturnType<typeof writeProgram>['task']): Record<string, unknown> {
  const { groups } = plan as { groups?: object[] };
  return groups ? { ...plan, ...program, groups: groups.map((group) => ({ ...group, commands })) } : { ...plan, ...program, commands };
}

/** Waits for a fault's moment, makes it, and notes from when to when it stood. Faults of one process come one after the other. */
async function takeTurn(scene: Scene, plan: FaultPlan, notes: FaultNote[], turns: Map<string, Promise<unknown>>): Promise<void> {
  await trigger(scene, plan);
  await pause(plan.afterMs);
  const about = ONE_HOST.includes(plan.kind) ? hostOf(scene, plan) : (plan.kind.split('-')[0] ?? '');
  const turn = (turns.get(about) ?? Promise.resolve()).then(() => makeNoted(scene, plan, notes, about));
  turns.set(about, turn);
  await turn;
}

async function makeNoted(scene: Scene, plan: FaultPlan, notes: FaultNote[], about: string): Promise<void> {
  const note: FaultNote = { kind: plan.kind, host: null, fromS: uptimeS(), untilS: Number.POSITIVE_INFINITY, what: '', done: true };
  // Known before it begins: whoever judges by then must know which host is away.
  if (ONE_HOST.includes(plan.kind)) note.host = about;
  notes.push(note);
  Object.assign(note, await makeFault(scene, plan, about), { untilS: uptimeS() });
}

const ONE_HOST: readonly string[] = ['agent-kill', 'agent-freeze', 'data-loss', 'drain', 'temporal-cut', 'link-cut', 'link-block'];

async function trigger({ watcher, status }: Scene, { on }: FaultPlan): Promise<void> {
  const came = {
    before: () => true,
    submitted: () => true,
    started: () => watcher.lines.some(({ event }) => event === 'start'),
    exited: () => watcher.lines.some(({ event }) => event === 'exit') || (status()?.failures.length ?? 0) > 0,
    again: () => watcher.lines.some(({ event, startNumber, generation }) => event === 'start' && (startNumber > 1 || generation > 1)),
  }[on];
  await untilWithin(came, true, TRIGGER_LIMIT_MS).catch(() => undefined);
}

/** No host is out of use any more, whatever was left undone. */
async function resumeAll(stack: Stack): Promise<void> {
  const fleet = () => stack.client.workflow.getHandle(fleetWorkflowId('default')).query(hostsQuery);
  const drained = (await fleet().catch(() => [])).filter((host) => host.drained);
  await Promise.all(drained.map(({ host }) => resumeHost(stack, host)));
}

/** Reads a run's status all the time, since a reset forgets. */
class RunFollower {
  status: RunStatus | null = null;
  #closed: RunEvidence['end'] = 'open';
  #closedAtS: number | null = null;
  readonly #notes = new Map<string, RunEvidence['notes'][number]>();
  #stopped = false;
  #asked = 0;
  #answered = 0;

  constructor(
    private readonly stack: Stack,
    private readonly run: string,
  ) {
    void this.#follow();
  }

  get isClosed(): boolean {
    return this.#closed !== 'open';
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Now, or not at all. */
  async look(): Promise<void> {
    await this.#look().catch(() => undefined);
  }

  async untilClosed(limitMs: number): Promise<void> {
    await untilWithin(async () => (await this.#look()) === 'closed', true, limitMs).catch(() => undefined);
    this.#stopped = true;
    await untilWithin(() => this.#query(), undefined, 10_000).catch(() => undefined);
  }

  evidence({ facts }: RoundPlan, unrest: string | null): RunEvidence {
    const { status, run } = this;
    const seen = { end: this.#closed, status, notes: [...this.#notes.values()], closedAtS: this.#closedAtS };
    return { handle: run, runId: status?.runId ?? '', task: facts, ...seen, unrest };
  }

  async #follow(): Promise<void> {
    while (!this.#stopped) {
      await this.#look().catch(() => undefined);
      await pause(this.status === null ? 20 : ASK_EVERY_MS);
    }
  }

  /** Of the newest execution: a run that was closed may be reset. */
  async #look(): Promise<'open' | 'closed'> {
    await this.#query().catch(() => undefined);
    const { status, closeTime } = await this.#limited(() => this.#handle.describe());
    const isOpen = status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW';
    this.#closed = isOpen ? 'open' : (ENDS[status.name] ?? 'failed');
    this.#closedAtS = isOpen ? null : uptimeS() - (Date.now() - (closeTime?.getTime() ?? Date.now())) / 1000;
    return isOpen ? 'open' : 'closed';
  }

  async #query(): Promise<void> {
    const asked = ++this.#asked;
    const seen = await this.#limited(() => this.#handle.query(statusQuery));
    // An answer that was held up is older than the one that came before it.
    if (asked < this.#answered) return;
    this.#answered = asked;
    this.status = seen;
    for (const note of seen.failures) {
      const atS = uptimeS() - (Date.now() - note.atMs) / 1000;
      const key = `${note.generation} ${note.rank} ${note.type} ${note.atMs}`;
      if (!this.#notes.has(key)) this.#notes.set(key, { ...note, atS });
    }
  }

  get #handle() {
    return this.stack.client.workflow.getHandle(this.run);
  }

  #limited<T>(ask: () => Promise<T>): Promise<T> {
    return this.stack.client.withDeadline(Date.now() + ASK_LIMIT_MS, ask);
  }
}

const ENDS: Record<string, RunEvidence['end']> = {
  COMPLETED: 'succeeded',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
};

/** What carries the run's cookie when its time is over, or waits in one of its directories: a shim has no cookie before its program is let go. */
async function leftoversOf(runId: string): Promise<Evidence['leftovers']> {
  if (runId === '') return [];
  const find = () => [...new Set([...findCarriers(`${runId}/`).map(({ pid }) => pid), ...waitingIn(`/runs/${runId}/`)])];
  await untilWithin(() => find().length, 0, LEFT_LIMIT_MS).catch(() => undefined);
  return find().map((pid) => ({ host: readVariable(pid, 'MUSTER_COOKIE') ?? workingDirOf(pid), pid, command: commandOf(pid).slice(0, COMMAND_SHOWN) }));
}

const COMMAND_SHOWN = 80;

function waitingIn(part: string): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => workingDirOf(pid).includes(part));
}

function workingDirOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** Another run takes all hosts: nothing of the last one is in its way. */
async function probe(stack: Stack): Promise<{ unusable: string | null; leases: Evidence['leases'] }> {
  const run = await startTask(stack.client, { nodes: stack.hosts.length, shell: 'sh', commands: ['true'], queue_timeout: 60, gather_timeout: 60 });
  const seen = () => stack.client.workflow.getHandle(run).query(statusQuery);
  const fleet = () => stack.client.workflow.getHandle(fleetWorkflowId('default')).query(hostsQuery);
  try {
    await untilWithin(seen, ({ phase }) => phase === 'succeeded', PROBE_LIMIT_MS);
    return { unusable: null, leases: [] };
  } catch {
    const held = await fleet().catch(() => []);
    const { runId, phase, message } = await seen();
    const leases = held.flatMap(({ host, lease }) => (lease && lease.runId !== runId ? [{ host, runId: lease.runId }] : []));
    await stack.client.workflow
      .getHandle(run)
      .terminate('chaos')
      .catch(() => undefined);
    const states = held.map(({ host, state }) => `${host} ${state}`).join(', ');
    return { unusable: `a run over all hosts is ${phase} afterwards (${message}): ${states}`, leases };
  }
}

/** To the first moment after it at which as many nodes as there are have started in a newer generation, or to the end. */
function recovery({ lines }: Evidence, fromS: number, endS: number): number {
  const starts = lines.filter(({ event, atS }) => event === 'start' && atS >= fromS);
  for (const last of starts) {
    const together = new Set(starts.filter(({ generation, atS }) => generation === last.generation && atS <= last.atS).map(({ rank }) => rank));
    if (together.size === last.nodes) return last.atS - fromS;
  }
  return endS - fromS;
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
