import { open, readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { startDevArguments } from '../../spec/search-attributes.js';
import { freePort, requirePort } from './ports.js';
import { untilReady } from './ready.js';
import { DEV_SERVER_SETTINGS, dynamicConfigArguments, SQLITE_PRAGMAS } from './settings.js';
import { startTethered, type Tethered } from './tether.js';

export { PortTaken } from './ports.js';

const READY_LIMIT_MS = 20_000;
const LOG_LINES_SHOWN = 20;
const NAMESPACE = 'default';

export interface DevServerOptions {
  /** The Temporal CLI. */
  binary: string;
  /** Given and taken: PortTaken. Left out: a free one. */
  port?: number;
  uiPort?: number;
  /** Keeps the server's state in this file. Left out: in memory, and what it knew ends with it. */
  dbFile?: string;
  ip?: string;
  /** The server's own output is appended here. Its directory must exist. */
  logFile: string;
  /** What the server cannot outlive: this process, even if it is killed with -9. */
  tiedTo: 'parent';
  /** Directories removed once the server is gone, whoever ended it. Absolute. */
  removeOnExit?: readonly string[];
}

export interface DevServer {
  /** Where clients and workers dial, as `127.0.0.1:7233`. */
  address: string;
  uiUrl: string;
  /** The server's own process. */
  pid: number;
  /** Ends the server, orderly if it has a file, and resolves when it is gone and what was to be removed is removed. Again and again: the same. */
  stop(): Promise<void>;
  /** The server's exit code once it is gone; null if a signal ended it, as stop() does to a server in memory. */
  exited: Promise<number | null>;
}

/** The dev server did not become usable. The message ends with the last lines of its log. */
export class ServerNotReady extends Error {
  override readonly name = 'ServerNotReady';
}

/**
 * A Temporal server in which a workflow can be started now, with the namespace `default` and DEV_SERVER_SETTINGS. Ctrl-C on the terminal does not
 * reach it; it ends by stop() or with this process. Raises PortTaken, ServerNotReady.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const { ip = '127.0.0.1', removeOnExit = [] } = options;
  const relative = removeOnExit.find((path) => !isAbsolute(path));
  if (relative !== undefined) throw new Error(`removeOnExit takes absolute paths, not ${relative}`);
  const port = options.port === undefined ? await freePort(ip) : await requirePort(options.port, ip, '--port');
  const uiPort = options.uiPort === undefined ? await freePort(ip, [port]) : await requirePort(options.uiPort, ip, '--ui-port');
  const address = `${dialable(ip)}:${port}`;

  const log = await open(options.logFile, 'a');
  const logStart = (await log.stat()).size;
  let server: Tethered;
  try {
    server = await startTethered({
      command: [options.binary, ...serverArguments({ ip, port, uiPort, dbFile: options.dbFile })],
      env: withoutTemporalSettings(process.env),
      logFd: log.fd,
      removeOnExit,
    });
  } finally {
    await log.close();
  }

  const how = options.dbFile === undefined ? 'kill' : 'terminate';
  try {
    await readyOrGone(address, server);
  } catch (error) {
    const shown = await lastLines(options.logFile, logStart);
    await server.end('kill');
    throw new ServerNotReady(`The Temporal dev server on ${address} ${(error as Error).message}. ${shown}`);
  }
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= server.end(how);
    return stopping;
  };
  return { address, uiUrl: `http://${dialable(ip)}:${uiPort}`, pid: server.pid, stop, exited: server.exited };
}

function dialable(ip: string): string {
  if (ip === '0.0.0.0') return '127.0.0.1';
  if (ip === '::') return '[::1]';
  return ip.includes(':') ? `[${ip}]` : ip;
}

function serverArguments(given: { ip: string; port: number; uiPort: number; dbFile: string | undefined }): string[] {
  const place = ['--ip', given.ip, '--port', String(given.port), '--ui-port', String(given.uiPort), '--namespace', NAMESPACE];
  const storage = given.dbFile === undefined ? [] : ['--db-filename', given.dbFile, ...SQLITE_PRAGMAS.flatMap((pragma) => ['--sqlite-pragma', pragma])];
  const quiet = ['--log-level', 'warn', '--ui-disable-news-fetch'];
  // A file that is older than the search attributes gets them now.
  return ['server', 'start-dev', ...place, ...storage, ...startDevArguments(), ...quiet, ...dynamicConfigArguments(DEV_SERVER_SETTINGS)];
}

// The user's TEMPORAL_ADDRESS, profile and the like say which server a client dials; the CLI reads them too.
function withoutTemporalSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

async function readyOrGone(address: string, server: Tethered): Promise<void> {
  const giveUp = new AbortController();
  const late = setTimeout(() => giveUp.abort(new Error(`was not ready within ${READY_LIMIT_MS / 1000} s`)), READY_LIMIT_MS);
  const gone = server.exited.then((code) => {
    throw new Error(`ended with ${code === null ? 'a signal' : `exit code ${code}`} before it was ready`);
  });
  try {
    await Promise.race([untilReady(address, NAMESPACE, giveUp.signal), gone]);
  } finally {
    clearTimeout(late);
    giveUp.abort();
    gone.catch(() => {});
  }
}

async function lastLines(logFile: string, start: number): Promise<string> {
  const written = (await readFile(logFile)).subarray(start).toString('utf8').trimEnd();
  if (written === '') return `It wrote nothing to ${logFile}.`;
  return `The last lines of ${logFile}:\n${written.split('\n').slice(-LOG_LINES_SHOWN).join('\n')}`;
}
