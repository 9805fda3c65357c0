import type { ChildProcess } from 'node:child_process';
import type { Client } from '@temporalio/client';
import type { FaultKind } from './evidence.js';

/** Machines for a round to run on, and what can be done to them. */
export interface Stack {
  client: Client;
  /** All hosts see it. */
  dir: string;
  hosts: readonly string[];
  /** What this stack can do. */
  kinds: readonly FaultKind[];
  agent(host: string): ChildProcess;
  /** kill -9; what ran there runs on. */
  killAgent(host: string): Promise<void>;
  /** On the same data. Resolves when the fleet has heard of it. */
  startAgent(host: string): Promise<void>;
  dataDir(host: string): string;
  control(): ChildProcess;
  killControl(): Promise<void>;
  startControl(): void;
  server?: Server;
  /** Cuts a host from Temporal alone. */
  cutTemporal(host: string): Promise<() => Promise<void>>;
  links?: Links;
  /** The host whose data lies on a small disk of its own. */
  tight?: { host: string; fill(): void; free(): void };
  /** Everything is up, whatever was left undone. */
  mend(): Promise<void>;
  /** Processes that ended though nobody had ended them, since this was asked last. */
  crashes(): string[];
  stop(): Promise<void>;
}

/** A server that keeps what it knows when it is killed. */
export interface Server {
  pid(): number;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** The cables between hosts. */
export interface Links {
  cut(host: string): Promise<() => Promise<void>>;
  /** What `from` sends does not arrive at `to`. */
  block(from: string, to: string): Promise<() => Promise<void>>;
}

/** Waits for the end of a process that was signalled. */
export async function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => child.once('exit', resolve));
}

export function isGone(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
