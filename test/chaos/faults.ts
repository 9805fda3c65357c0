import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { startDir } from '../../activities/host/store.js';
import { readShim } from '../../activities/process/start-dir.js';
import { fleetWorkflowId } from '../../spec/ids.js';
import { drain, rescale, stop } from '../../spec/messages.js';
import type { RunStatus } from '../../spec/nodes.js';
import type { ResizeWish } from '../../spec/resize.js';
import type { FaultKind, TaskFacts } from './evidence.js';
import { cellsOf, historyOf } from './histories.js';
import { sendLateActivity, sendStaleSignal } from './late.js';
import type { FaultPlan } from './plan.js';
import type { Stack } from './stack.js';
import type { Watcher } from './watcher.js';

/** A round as faults see it. */
export interface Scene {
  stack: Stack;
  watcher: Watcher;
  /** The run's handle. */
  run: string;
  task: TaskFacts;
  /** As it was seen last. */
  status: () => RunStatus | null;
}

/** What was done, and of which host. `done`: something came of it. */
export interface Deed {
  host: string | null;
  what: string;
  done: boolean;
}

const NOTHING: Deed = { host: null, what: 'there was nothing to do it to', done: false };
const UPDATE_LIMIT_MS = 5_000;
/** The server may be away, and a fleet that is begun anew knows no hosts yet. */
const RESUME_LIMIT_MS = 60_000;
const RESUME_AGAIN_MS = 500;

/** Makes a fault, lets it stand as long as it is planned, and heals it. `host`: where it is one of a host. */
export async function makeFault(scene: Scene, plan: FaultPlan, host: string): Promise<Deed> {
  return DEEDS[plan.kind](scene, plan, host);
}

/** Of which host a fault of one host is: one of the run's, if it has any. */
export function hostOf({ stack, status }: Scene, { choice, host }: FaultPlan): string {
  if (host !== undefined) return stack.hosts[host % stack.hosts.length] ?? '';
  const used = status()?.nodes.map(({ host }) => host) ?? [];
  const hosts = used.length > 0 ? used : stack.hosts;
  return hosts[choice % hosts.length] ?? '';
}

const DEEDS: Record<FaultKind, (scene: Scene, plan: FaultPlan, host: string) => Promise<Deed>> = {
  'agent-kill': (scene, plan, host) => restartAgent(scene, plan, host, false),
  'data-loss': (scene, plan, host) => restartAgent(scene, plan, host, true),
  async 'agent-freeze'(scene, plan, host) {
    const agent = scene.stack.agent(host);
    agent.kill('SIGSTOP');
    await pause(plan.forMs);
    agent.kill('SIGCONT');
    return { host, what: host, done: true };
  },
  async 'control-kill'({ stack }, { forMs }) {
    await stack.killControl();
    await pause(forMs);
    stack.startControl();
    return { host: null, what: '', done: true };
  },
  async 'control-freeze'({ stack }, { forMs }) {
    const child = stack.control();
    child.kill('SIGSTOP');
    await pause(forMs);
    child.kill('SIGCONT');
    return { host: null, what: '', done: true };
  },
  async 'server-kill'({ stack: { server } }, { forMs }) {
    if (!server) return NOTHING;
    await server.kill();
    await pause(forMs);
    await server.start();
    return { host: null, what: '', done: true };
  },
  async 'server-freeze'({ stack: { server } }, { forMs }) {
    if (!server) return NOTHING;
    const pid = server.pid();
    signal(pid, 'SIGSTOP');
    await pause(forMs);
    signal(pid, 'SIGCONT');
    return { host: null, what: '', done: true };
  },
  async 'program-kill'({ watcher }, { choice }) {
    const programs = watcher.programs();
    const program = programs[choice % programs.length];
    if (!program) return NOTHING;
    const done = signal(program.pid, 'SIGKILL');
    return { host: program.host, what: `rank ${program.rank} of generation ${program.generation}`, done };
  },
  async 'program-freeze'({ watcher }, { choice, forMs }) {
    const programs = watcher.programs();
    const program = programs[choice % programs.length];
    if (!program) return NOTHING;
    signal(program.pid, 'SIGSTOP');
    await pause(forMs);
    const done = signal(program.pid, 'SIGCONT');
    return { host: program.host, what: `rank ${program.rank} of generation ${program.generation}`, done };
  },
  async 'shim-kill'({ stack, watcher }, { choice }) {
    const programs = watcher.programs();
    const program = programs[choice % programs.length];
    const shim = program && readShim(startDir(stack.dataDir(program.host), program.runId, program.startNumber));
    if (!program || !shim) return NOTHING;
    return { host: program.host, what: `rank ${program.rank} of generation ${program.generation}`, done: signal(shim.pid, 'SIGKILL') };
  },
  async 'disk-full'({ stack: { tight } }, { forMs }) {
    if (!tight) return NOTHING;
    tight.fill();
    await pause(forMs);
    tight.free();
    return { host: tight.host, what: tight.host, done: true };
  },
  'temporal-cut': (scene, plan, host) => healed(plan, host, () => scene.stack.cutTemporal(host)),
  'link-cut': (scene, plan, host) => healed(plan, host, async () => (await scene.stack.links?.cut(host)) ?? (async () => {})),
  async 'link-block'(scene, plan, from) {
    const others = scene.stack.hosts.filter((host) => host !== from);
    const to = others[(plan.choice >> 3) % others.length] ?? '';
    const deed = await healed(plan, from, async () => (await scene.stack.links?.block(from, to)) ?? (async () => {}));
    return { ...deed, what: `${from} to ${to}` };
  },
  terminate: (scene) => asked(() => handle(scene).terminate('chaos')),
  cancel: (scene) => asked(() => handle(scene).cancel()),
  stop: (scene, { choice }) => asked(() => update(scene, () => handle(scene).executeUpdate(stop, { args: [{ mode: choice % 2 === 0 ? 'graceful' : 'now' }] }))),
  async rescale(scene, { choice }) {
    const wish = wishOf(scene, choice);
    const deed = await asked(() => update(scene, () => handle(scene).executeUpdate(rescale, { args: [wish] })));
    return { ...deed, what: `${JSON.stringify(wish)} ${deed.what}` };
  },
  async drain({ stack }, { forMs }, host) {
    const deed = await asked(() => drainHost(stack, host, true));
    await pause(forMs);
    if (deed.done) await resumeHost(stack, host);
    return { ...deed, host, what: `${host} ${deed.what}` };
  },
  reset: (scene, plan) => asked(() => reset(scene, plan)),
  async 'cell-terminate'(scene, { choice }) {
    const cells = await cellsOf(scene.stack.client, scene.run);
    const cell = cells.at(choice % 3 === 0 && cells.length > 1 ? -2 : -1);
    return cell === undefined ? NOTHING : await asked(() => scene.stack.client.workflow.getHandle(cell).terminate('chaos'));
  },
  'fleet-terminate': ({ stack }) => asked(() => stack.client.workflow.getHandle(fleetWorkflowId('default')).terminate('chaos')),
  'stale-signal': (scene, { choice }) => sendStaleSignal(scene, choice),
  'late-activity': (scene, { choice }) => sendLateActivity(scene, choice),
};

/** Takes a host out of use, or back into it. */
async function drainHost({ client }: Stack, host: string, drained: boolean): Promise<void> {
  const fleet = client.workflow.getHandle(fleetWorkflowId('default'));
  await client.withDeadline(Date.now() + UPDATE_LIMIT_MS, () => fleet.executeUpdate(drain, { args: [{ host, drained }] }));
}

/** Again and again, until it is in use. */
export async function resumeHost(stack: Stack, host: string): Promise<void> {
  for (let leftMs = RESUME_LIMIT_MS; leftMs > 0; leftMs -= RESUME_AGAIN_MS) {
    if ((await asked(() => drainHost(stack, host, false))).done) return;
    await pause(RESUME_AGAIN_MS);
  }
}

function wishOf({ stack, task }: Scene, choice: number): ResizeWish {
  const { groups, elastic } = task;
  // Now and then more than there may be.
  if (elastic) return { nodes: elastic.min + (choice % (elastic.max - elastic.min + 2)) };
  const of = groups?.[choice % groups.length];
  if (groups === undefined || of === undefined) return { nodes: 1 + (choice % stack.hosts.length) };
  return { groups: { [of]: 1 + ((choice >> 1) % Math.max(1, stack.hosts.length - groups.length)) } };
}

async function restartAgent({ stack }: Scene, plan: FaultPlan, host: string, loses: boolean): Promise<Deed> {
  await stack.killAgent(host);
  if (loses) rmSync(stack.dataDir(host), { recursive: true, force: true });
  await pause(plan.forMs);
  await stack.startAgent(host);
  return { host, what: host, done: true };
}

async function healed({ forMs }: FaultPlan, host: string, make: () => Promise<() => Promise<void>>): Promise<Deed> {
  const heal = await make();
  await pause(forMs);
  await heal();
  return { host, what: host, done: true };
}

function handle({ stack, run }: Scene) {
  return stack.client.workflow.getHandle(run);
}

/** Nobody waits for the answer of an update for long: it may have been taken all the same. */
async function update({ stack }: Scene, send: () => Promise<unknown>): Promise<void> {
  await stack.client.withDeadline(Date.now() + UPDATE_LIMIT_MS, send).catch((error: unknown) => {
    if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowNotFoundError) throw error;
  });
}

/** To the end of some workflow task of the execution that runs. */
async function reset({ stack, run }: Scene, { choice }: FaultPlan): Promise<void> {
  const { client } = stack;
  const events = await historyOf(client, run);
  const tasks = events.filter(({ workflowTaskCompletedEventAttributes }) => workflowTaskCompletedEventAttributes);
  const { runId } = await client.workflow.getHandle(run).describe();
  await client.workflowService.resetWorkflowExecution({
    ...{ namespace: 'default', workflowExecution: { workflowId: run, runId }, reason: 'chaos', requestId: `chaos-${choice}-${Date.now()}` },
    workflowTaskFinishEventId: tasks[choice % Math.max(1, tasks.length)]?.eventId ?? null,
  });
}

/** What Temporal refuses, because there is nothing to do it to any more or it is not there, has not been done. */
async function asked(work: () => Promise<unknown>): Promise<Deed> {
  try {
    await work();
    return { host: null, what: '', done: true };
  } catch (error) {
    return { host: null, what: `refused: ${error instanceof Error ? error.message : error}`, done: false };
  }
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}
