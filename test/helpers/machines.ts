import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { dial } from '../../connection/dial.js';
import { controlQueue, fleetWorkflowId } from '../../spec/ids.js';
import { hostAnnounced, hosts as hostsQuery } from '../../spec/messages.js';
import { findTemporalBinary } from '../../workers/server/find.js';
import { startDevServer } from '../../workers/server/start.js';
import { until } from './until.js';

/** The command line as built, seen from the sources and from what was built of them; `npm test` builds it first. */
export const MAIN = ['../../dist/cli/main.js', '../../cli/main.js'].map((path) => fileURLToPath(new URL(path, import.meta.url))).find(existsSync) ?? '';

/** What is told by the clock of the workflow is told within this where nothing is broken. */
const TOLD_LATE_MS = 3_000;

/** A real server, a real control worker and real agents, each a process of its own, on addresses 127.<net>.0.x. */
export interface Machines {
  address: string;
  /** The Web UI. */
  uiUrl: string;
  temporalBinary: string;
  client: Client;
  dir: string;
  env: NodeJS.ProcessEnv;
  /** A host that was there before starts with its former options. */
  startHost(name: string, options?: string[]): Promise<ChildProcess>;
  control: ChildProcess;
  startControl(): void;
  /** Makes an empty file: the sign that a program waits for. */
  touch(path: string): void;
  /** Removes what an agent that is gone has kept on its disk. */
  loseData(host: string): void;
  /** Kills with -9 and waits until the process is gone. */
  kill(process: ChildProcess): Promise<void>;
  /** Starts a run on the control queue; `task` is a task file's object. */
  start(task: Record<string, unknown>): Promise<string>;
  stop(): Promise<void>;
}

export async function startMachines(net: number, names: string[]): Promise<Machines> {
  const dir = mkdtempSync(join(tmpdir(), 'muster-test-'));
  const temporalBinary = await findTemporalBinary({ say: () => undefined });
  const server = await startDevServer({ binary: temporalBinary, logFile: join(dir, 'server.log'), tiedTo: 'parent' });
  const env = { ...withoutTemporal(process.env), MUSTER_SERVER: server.address };
  const client = await dial({ address: server.address, namespace: 'default' });
  const children: ChildProcess[] = [];
  const addresses = new Map<string, string>();
  const optionsOf = new Map<string, string[]>();

  const launch = (args: string[]) => {
    const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['pipe', 'ignore', 'inherit'] });
    children.push(child);
    return child;
  };
  const machines: Machines = {
    ...{ address: server.address, uiUrl: server.uiUrl, temporalBinary, client, dir, env },
    control: launch(['control', '--dev-stack']),
    startControl() {
      machines.control = launch(['control', '--dev-stack']);
    },
    touch: (path) => writeFileSync(path, ''),
    async startHost(name, options) {
      const own = options ?? optionsOf.get(name) ?? [];
      optionsOf.set(name, own);
      const address = addresses.get(name) ?? `127.${net}.0.${addresses.size + 1}`;
      addresses.set(name, address);
      const since = Date.now();
      const child = launch(['host', '--dev-stack', '--name', name, '--address', address, '--data', join(dir, name), ...own]);
      await untilAnnounced(client, name, since);
      return child;
    },
    loseData: (host) => rmSync(join(dir, host), { recursive: true, force: true }),
    async kill(child) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
    start: (task) => startTask(client, task),
    async stop() {
      await endTied(children);
      await client.connection.close();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await Promise.all(names.map((name) => machines.startHost(name)));
  return machines;
}

/** The fleet has heard of the host at or after `sinceMs`, of the epoch. */
export async function untilAnnounced(client: Client, name: string, sinceMs: number): Promise<void> {
  const fleet = client.workflow.getHandle(fleetWorkflowId('default'));
  const startedMs = performance.now();
  const isHeard = async () => {
    const known = (await fleet.query(hostsQuery).catch(() => [])).find((host) => host.host === name);
    if (known === undefined || known.announcedAtMs >= sinceMs - 50) return known !== undefined;
    // A control worker that takes the fleet over from one that is gone may hear what came between at the time of what was heard before.
    return performance.now() - startedMs > TOLD_LATE_MS && (await wasAnnounced(fleet, name, sinceMs));
  };
  await until(isHeard, true, 30_000);
}

/** By the history, by which the server's clock is told. */
async function wasAnnounced(fleet: WorkflowHandle, name: string, sinceMs: number): Promise<boolean> {
  const { events } = await fleet.fetchHistory();
  const at = (events ?? []).findLastIndex(({ eventTime, workflowExecutionSignaledEventAttributes: signal }) => {
    const isSince = Number(eventTime?.seconds ?? 0) * 1_000 + 999 >= sinceMs;
    return (
      isSince && signal?.signalName === hostAnnounced.name && signal.input?.payloads?.some(({ data }) => Buffer.from(data ?? []).includes(`"host":"${name}"`))
    );
  });
  return at >= 0 && (events ?? []).slice(at).some(({ workflowTaskCompletedEventAttributes: done }) => done != null);
}

/** Starts a run on the control queue; `task` is a task file's object. */
export async function startTask(client: Client, task: Record<string, unknown>): Promise<string> {
  const workflowId = `test-${Math.random().toString(36).slice(2, 10)}`;
  await client.workflow.start('musterRun', { workflowId, taskQueue: controlQueue('default'), args: [task] });
  return workflowId;
}

/** The environment of somebody who has set nothing of Temporal. */
export function withoutTemporal(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

/** What the command line said and how it ended. */
export interface Said {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command line to its end. */
export function muster(args: string[], env: NodeJS.ProcessEnv, cwd?: string): Promise<Said> {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'], ...(cwd ? { cwd } : {}) });
  const said = { stdout: '', stderr: '' };
  // A character may lie over two chunks.
  child.stdout.setEncoding('utf8').on('data', (data) => (said.stdout += data));
  child.stderr.setEncoding('utf8').on('data', (data) => (said.stderr += data));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...said })));
}

export function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trim().split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

/** Ends processes that end with their standard input, and waits until they are gone. */
export async function endTied(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.stdin?.end();
      await gone;
    }),
  );
}
