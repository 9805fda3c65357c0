import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { isLive, type ProcessStat, readProcess } from './identity.js';

/** A live process of a start, as its environment says. */
export interface Stranger extends ProcessStat {
  cookie: string;
}

const LOOK_EVERY_MS = 200;

/** The live processes that were started by an agent with this socket, and whose cookie is one that `isKnown` does not know. */
export function findStrangers(socketPath: string, isKnown: (cookie: string) => boolean): Stranger[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    const stat = readProcess(pid);
    if (stat === undefined || !isLive(stat)) return [];
    const { MUSTER_COOKIE: cookie, MUSTER_SOCKET: socket } = readEnvironment(pid);
    return cookie === undefined || socket !== socketPath || isKnown(cookie) ? [] : [{ ...stat, cookie }];
  });
}

/** Ends these very processes, and no others that carry the same cookie: SIGTERM, the grace, SIGKILL. */
export async function endStrangers(strangers: readonly Stranger[], graceMs: number): Promise<void> {
  const left = () => strangers.filter(({ pid, startTime }) => readProcess(pid)?.startTime === startTime);
  for (const { pid } of left()) {
    signal(pid, 'SIGTERM');
    // A stopped process cannot obey.
    signal(pid, 'SIGCONT');
  }
  for (const end = performance.now() + graceMs; left().some(isLive) && performance.now() < end; ) await pause(LOOK_EVERY_MS, undefined, { ref: false });
  for (const { pid } of left()) signal(pid, 'SIGKILL');
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone meanwhile, or another user's.
  }
}

function readEnvironment(pid: number): Record<string, string | undefined> {
  try {
    const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return Object.fromEntries(pairs.filter((pair) => pair.startsWith('MUSTER_')).map((pair) => pair.split('=', 2) as [string, string]));
  } catch {
    return {};
  }
}
