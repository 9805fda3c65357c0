import { readdirSync, readFileSync } from 'node:fs';
import { isLive, type ProcessStat, readProcess } from './identity.js';

/** A live process, and the cookie in its environment (as it was when it last executed a program), if there is one. */
export interface Carrier extends ProcessStat {
  cookie: string | undefined;
}

/**
 * The live processes that carry this cookie in their environment (`MUSTER_COOKIE`), without this one. A text that ends with `/` stands for all
 * cookies that begin with it. Processes whose environment may not be read (another user's) are not found. Synchronous, 20 to 40 µs for each process of
 * the machine. The shim of a start is among them.
 */
export function findCarriers(cookie: string): ProcessStat[] {
  return scanNow().filter((it) => carries(it, cookie));
}

/** The live processes that an agent with this socket has started, and whose cookie is one that `isKnown` does not know. */
export function findStrangers(socketPath: string, isKnown: (cookie: string) => boolean): Carrier[] {
  return scanNow().filter(({ pid, cookie }) => cookie !== undefined && readVariable(pid, 'MUSTER_SOCKET') === socketPath && !isKnown(cookie));
}

/** Whether the process carries the cookie, or one that begins with it where it ends with `/`. */
export function carries(it: Carrier, cookie: string): boolean {
  return cookie.endsWith('/') ? (it.cookie?.startsWith(cookie) ?? false) : it.cookie === cookie;
}

let nextScan: Promise<Carrier[]> | undefined;

/**
 * All live processes that this one can see, but itself and pid 1, as they are at some moment after the call. Who asks in the same
 * turn of the event loop shares one scan.
 */
export function scanProcesses(): Promise<Carrier[]> {
  nextScan ??= new Promise((resolve) => {
    setImmediate(() => {
      nextScan = undefined;
      resolve(scanNow());
    });
  });
  return nextScan;
}

function scanNow(): Carrier[] {
  return liveProcesses().map((stat) => ({ ...stat, cookie: readVariable(stat.pid, 'MUSTER_COOKIE') }));
}

/** All live processes that this one can see, but itself and pid 1, as they are now. Synchronous. */
export function liveProcesses(): ProcessStat[] {
  const found: ProcessStat[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    if (pid === 1 || pid === process.pid) continue;
    const stat = readProcess(pid);
    if (stat !== undefined && isLive(stat)) found.push(stat);
  }
  return found;
}

/** A variable of a process's environment, as it was when it last executed a program; undefined where that has none, or may not be read. */
export function readVariable(pid: number, name: string): string | undefined {
  const marker = `${name}=`;
  let environ: string;
  try {
    environ = readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return undefined;
  }
  const at = environ.startsWith(marker) ? 0 : environ.indexOf(`\0${marker}`) + 1;
  if (at === 0 && !environ.startsWith(marker)) return undefined;
  const end = environ.indexOf('\0', at);
  return Buffer.from(environ.slice(at + marker.length, end < 0 ? undefined : end), 'latin1').toString('utf8');
}
