import { setTimeout as pause } from 'node:timers/promises';
import type { ReadyWhen } from '../../spec/task/startup.js';
import { isListening } from '../network/listening.js';
import { runBeside } from '../process/beside.js';
import { renderFor } from './node-files.js';

const LOOK_EVERY_MS = { port: 50, command: 500 };
const COMMAND_LIMIT_MS = 10_000;
const SHOWN = 500;

/** The program of this node was not ready in time. */
export class NotReady extends Error {
  readonly type = 'NotReady';
  override readonly name = 'NotReady';
}

/** Where and how a node's gate is tried. */
export interface GatePlace {
  /** Of the start. */
  dir: string;
  /** The node's own. */
  address: string;
  baseEnv: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/**
 * Resolves when the gate is passed: the port is listened on at the node's own address, or the command exits with 0. Rejects with
 * `NotReady` after its time, with the last thing seen; with the signal's reason when that aborts.
 */
export async function passGate(gate: ReadyWhen, place: GatePlace): Promise<void> {
  const { signal } = place;
  const untilMs = performance.now() + gate.timeoutSeconds * 1000;
  for (;;) {
    signal.throwIfAborted();
    const leftMs = Math.max(1, untilMs - performance.now());
    const seen = await tryProbe(gate, place, Math.min(COMMAND_LIMIT_MS, leftMs));
    signal.throwIfAborted();
    if (seen === 'ready') return;
    const pauseMs = gate.port !== null ? LOOK_EVERY_MS.port : LOOK_EVERY_MS.command;
    // No try that would be cut short: the last whole one tells more.
    if (performance.now() + pauseMs >= untilMs) throw new NotReady(`its program was not ready ${gate.timeoutSeconds} s after its start: ${seen}`);
    await pause(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Looks once: `ready`, or what is wrong, in words. */
export async function tryProbe({ port, command }: Pick<ReadyWhen, 'port' | 'command'>, place: GatePlace, limitMs: number): Promise<string> {
  const { dir, address, baseEnv, signal } = place;
  if (port !== null) return lookAtPort(address, port);
  return await tryCommand(command ?? '', dir, { baseEnv, limitMs, signal });
}

function lookAtPort(address: string, port: number): string {
  return isListening(address, port) ? 'ready' : `nothing listens on port ${port} of ${address}`;
}

/** Runs a command of the task in a node's place: `ready` where it ends with 0, else what is wrong, in words. */
export async function tryCommand(
  command: string,
  dir: string,
  how: { baseEnv: Readonly<Record<string, string>>; limitMs: number; signal: AbortSignal },
): Promise<string> {
  const { code, output } = await runBeside(dir, renderFor(dir, command), how);
  if (code === 0) return 'ready';
  const last = output.trim().slice(-SHOWN);
  const ended = code === null ? `did not end within ${how.limitMs / 1000} s` : `ended with code ${code}`;
  return `the command ${ended}${last === '' ? ' and said nothing' : `; its last output: ${last}`}`;
}
