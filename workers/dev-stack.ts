import { mkdir, mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_FLEET } from '../spec/ids.js';
import { type Janitor, startJanitor } from './dev-stack/janitor.js';
import { KeptServer } from './dev-stack/kept-server.js';
import { Member } from './dev-stack/member.js';
import { findTemporalBinary } from './server/find.js';
import { freePort, requirePort } from './server/ports.js';
import type { DevServer } from './server/start.js';

const READY_LIMIT_MS = 60_000;
const LOOPBACK = '127.0.0.1';

export interface DevStackOptions {
  hosts: number;
  /** Given and taken: PortTaken. Left out: free ones. */
  port?: number;
  uiPort?: number;
  /** true: what Temporal knows ends with the stack. false: it is kept in `dataDir`, and so is what the hosts know. */
  inMemory: boolean;
  dataDir?: string;
  /** Is told, a line at a time, what a person waits for. */
  say: (line: string) => void;
  /** Gives the start up: what was begun is ended again, and `startDevStack` throws the signal's reason. */
  signal?: AbortSignal;
}

export interface DevHost {
  name: string;
  address: string;
  /** Another one after the host's process was started again. */
  pid: number;
}

export interface DevStack {
  /** Temporal's, as `127.0.0.1:7233`. */
  address: string;
  uiUrl: string;
  /** Other ones after a process was started again. */
  readonly pids: { temporal: number; control: number };
  readonly hosts: DevHost[];
  /** Ends every process of the stack, the programs on its hosts too, and removes its temporary files. Again and again: the same. */
  stop(): Promise<void>;
}

/** The stack did not become usable. The message says what is missing, with the last lines of whoever failed. */
export class DevStackFailed extends Error {
  override readonly name = 'DevStackFailed';
}

/**
 * A Temporal server, a control worker and so many hosts on 127.0.0.2, 127.0.0.3 …, all on this machine: ready when all hosts are in
 * the fleet `default`. A process that dies is started again after a second, Temporal too; in memory it knows nothing of before then. Nothing outlives this process by more than 5 s,
 * even if it is killed with -9. TEMPORAL_* and temporal.toml are not read. Throws `ServerNotFound`, `PortTaken`, `ServerNotReady`,
 * `DevStackFailed`.
 */
export async function startDevStack(options: DevStackOptions): Promise<DevStack> {
  const { say, signal, port: wantedPort, uiPort: wantedUiPort } = options;
  const binary = await findTemporalBinary({ say });
  const port = wantedPort === undefined ? await freePort(LOOPBACK) : await requirePort(wantedPort, LOOPBACK, '--port');
  const uiPort = wantedUiPort === undefined ? await freePort(LOOPBACK, [port]) : await requirePort(wantedUiPort, LOOPBACK, '--ui-port');
  signal?.throwIfAborted();

  const address = `${LOOPBACK}:${port}`;
  const kept = options.inMemory ? undefined : options.dataDir;
  if (kept !== undefined) await mkdir(kept, { recursive: true });
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'muster-dev-')));
  const janitor = startJanitor(directory, kept);
  const { control, hosts } = plan({ count: options.hosts, address, directory, kept, janitor });
  const members = [control, ...hosts.map(({ member }) => member)];

  let server: Promise<DevServer> | KeptServer | undefined;
  const stop = async () => {
    await Promise.all(members.map((member) => member.stop()));
    await Promise.resolve(server)
      .then((running) => running?.stop())
      .catch(() => {});
    await janitor.finish();
  };
  const dbFile = kept === undefined ? {} : { dbFile: join(kept, 'temporal.db') };
  const start = () => startServer({ binary, port, uiPort, logFile: join(directory, 'temporal.log'), ...dbFile });
  const starting = start();
  server = starting;
  // They load while the server does, and wait for it.
  for (const member of members) member.start();
  const given = Promise.race([...members.map((member) => member.failed.catch((error: Error) => fail(error.message, [member]))), ...whenAborted(signal)]);
  try {
    const first = await Promise.race([starting, given]);
    await Promise.race([allAnnounced(address, hosts), given]);
    for (const member of members) member.ready(say);
    const running = new KeptServer(first, start, say, kept === undefined ? 'and knows nothing of what was before' : 'with all that it knew');
    server = running;
    let stopping: Promise<void> | undefined;
    return {
      ...{ address, uiUrl: running.uiUrl },
      get pids() {
        return { temporal: running.pid, control: control.pid };
      },
      get hosts() {
        return hosts.map(({ member, address: at }) => ({ name: member.name, address: at, pid: member.pid }));
      },
      stop() {
        stopping ??= stop();
        return stopping;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface PlannedHost {
  member: Member;
  address: string;
}

function plan(of: { count: number; address: string; directory: string; kept: string | undefined; janitor: Janitor }): {
  control: Member;
  hosts: PlannedHost[];
} {
  const { directory, kept } = of;
  const env = { ...withoutTemporal(process.env), MUSTER_SERVER: of.address };
  const member = (name: string, args: string[]) =>
    new Member({ name, args, env, logFile: join(directory, `${name.replaceAll(' ', '-')}.log`), tether: of.janitor.tether });
  const hosts = Array.from({ length: of.count }, (_, i) => {
    const name = `host-${i + 1}`;
    const address = loopbackAddress(i + 2);
    const data = kept === undefined ? ['--data', join(directory, name)] : ['--data', join(kept, name), '--keep-data'];
    return { address, member: member(name, ['host', '--dev-stack', '--name', name, '--address', address, ...data]) };
  });
  return { control: member('control worker', ['control', '--dev-stack']), hosts };
}

// Linux answers on all of 127.0.0.0/8.
function loopbackAddress(number: number): string {
  return `127.0.${number >> 8}.${number & 255}`;
}

// The user's TEMPORAL_ADDRESS, profile and the like are about another server.
function withoutTemporal(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}

// Loaded late: the stack's other processes are on their way by then.
async function startServer(options: { binary: string; port: number; uiPort: number; logFile: string; dbFile?: string }): Promise<DevServer> {
  const { startDevServer } = await import('./server/start.js');
  return startDevServer({ ...options, tiedTo: 'parent' });
}

async function allAnnounced(address: string, hosts: PlannedHost[]): Promise<void> {
  const { NotAnnounced, untilAnnounced } = await import('./dev-stack/until-announced.js');
  const names = hosts.map(({ member }) => member.name);
  try {
    await untilAnnounced(address, DEFAULT_FLEET, names, READY_LIMIT_MS);
  } catch (error) {
    if (!(error instanceof NotAnnounced)) throw error;
    const late = hosts.filter(({ member }) => error.missing.includes(member.name)).map(({ member }) => member);
    const what = error.controlAnswered ? `${error.missing.join(', ')} did not appear in the fleet` : 'the control worker did not answer';
    fail(`${what} within ${READY_LIMIT_MS / 1000} s`, late);
  }
}

function fail(what: string, members: Member[]): never {
  const words = members.map((member) => ({ name: member.name, lines: member.lastLines() })).filter(({ lines }) => lines !== '');
  const shown = words.map(({ name, lines }) => `\nThe last lines of ${name}:\n${lines}`).join('');
  throw new DevStackFailed(`The dev stack did not start: ${what}.${shown}`);
}

function whenAborted(signal: AbortSignal | undefined): Promise<never>[] {
  if (!signal) return [];
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => {});
  return [aborted];
}
