import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readProcess } from '../../activities/process/identity.js';
import { until } from './until.js';

/*
 * Network namespaces of this process and nobody else's. A name says whose it is, `muster-test-PID-STARTTIME-NUMBER-STATION`, so that two
 * test files can run at once and what a killed run left behind is known by its dead owner. Nothing of the machine's own network is touched.
 */

/** One sentence about what this machine lacks for tests in network namespaces; undefined where it has all. */
export function missingForNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'making network namespaces needs root';
  const tools = { ip: 'iproute2', tc: 'iproute2', nft: 'nftables', python3: 'python3' };
  for (const [tool, debianPackage] of Object.entries(tools)) {
    if (spawnSync(tool, ['-V']).error) return `there is no ${tool} (apt-get install ${debianPackage})`;
  }
  const { status, stderr } = spawnSync('unshare', ['--net', 'true'], { encoding: 'utf8' });
  return status === 0 ? undefined : `this machine makes no network namespace: ${stderr.trim()}`;
}

/** The namespaces of one network of stations. */
export class Namespaces {
  /** For the files of whatever runs in the namespaces; it goes with them. */
  readonly dir: string;
  readonly #prefix: string;
  readonly #inodes = new Map<string, number>();

  /** Removes first what dead runs left behind. */
  static async open(): Promise<Namespaces> {
    await removeLeftovers();
    return new Namespaces();
  }

  private constructor() {
    this.#prefix = `${OWN}-${count++}-`;
    this.dir = mkdtempSync(join(tmpdir(), this.#prefix));
  }

  /** As `ip netns` calls it. */
  named(station: string): string {
    return `${this.#prefix}${station}`;
  }

  async add(stations: string[]): Promise<void> {
    const odd = stations.find((station) => !/^[a-z0-9-]{1,40}$/.test(station) || this.#inodes.has(station));
    if (odd !== undefined) throw new Error(`${odd} is no name for another station`);
    await runWith(['ip', '-batch', '-'], stations.map((station) => `netns add ${this.named(station)}\n`).join(''));
    for (const station of stations) this.#inodes.set(station, statSync(join(NETNS, this.named(station))).ino);
  }

  /** Lines for `ip`, as they would be typed in the namespace. */
  async ip(station: string, lines: string[]): Promise<void> {
    if (lines.length > 0) await runWith(['ip', '-n', this.named(station), '-batch', '-'], `${lines.join('\n')}\n`);
  }

  /** Runs a command in the namespace to its end, with `input` as its stdin; its stdout. Rejects with all that it said. */
  exec(station: string, command: string[], input = ''): Promise<string> {
    return runWith(this.#inside(station, command), input);
  }

  /** Its pid is the command's own. */
  spawn(station: string, command: string[], options: SpawnOptions): ChildProcess {
    const [program = '', ...args] = this.#inside(station, command);
    return spawn(program, args, options);
  }

  /** The processes in a namespace, also after its name was removed. */
  pids(station: string): number[] {
    return pidsIn([this.#inodes.get(station)]);
  }

  /** SIGKILL to all that runs in the namespaces; resolves when it is gone. */
  async kill(stations: string[]): Promise<void> {
    await killIn(stations.map((station) => this.#inodes.get(station)));
  }

  /** Kills what still runs in the namespaces, removes them, and resolves when both are so. */
  async remove(stations: string[] = [...this.#inodes.keys()]): Promise<void> {
    await this.kill(stations);
    await deleteNamed(stations.map((station) => this.named(station)));
    for (const station of stations) this.#inodes.delete(station);
  }

  /** As `remove`, and the directory. */
  async close(): Promise<void> {
    await this.remove();
    rmSync(this.dir, { recursive: true, force: true });
  }

  #inside(station: string, command: string[]): string[] {
    return ['ip', 'netns', 'exec', this.named(station), ...command];
  }
}

/** The namespaces and directories, in this process's name, that are there now: none after `close`. */
export function leftHere(): string[] {
  return traces().filter((name) => name.startsWith(`${OWN}-`));
}

/** Removes what processes that are dead made here and left. Several may do so at once. */
export async function removeLeftovers(): Promise<void> {
  const orphans = traces().filter((name) => {
    const [, pid, startTime] = OWNED.exec(name) ?? [];
    const owner = readProcess(Number(pid));
    return owner?.startTime !== Number(startTime) || owner.state === 'Z';
  });
  const names = orphans.filter((name) => listed(NETNS).includes(name));
  await killIn(names.map(inodeOf));
  await deleteNamed(names);
  for (const name of orphans) rmSync(join(tmpdir(), name), { recursive: true, force: true });
}

const NETNS = '/run/netns';
const OWNED = /^muster-test-(\d+)-(\d+)-\d+-/;
const OWN = `muster-test-${process.pid}-${readProcess(process.pid)?.startTime}`;
let count = 0;

function traces(): string[] {
  return [...listed(NETNS), ...listed(tmpdir())].filter((name) => OWNED.test(name));
}

function listed(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

// Another process may remove the same leftover.
function inodeOf(name: string): number | undefined {
  return statSync(join(NETNS, name), { throwIfNoEntry: false })?.ino;
}

function pidsIn(inodes: (number | undefined)[]): number[] {
  const pids = listed('/proc').map(Number).filter(Number.isInteger);
  return pids.filter((pid) => {
    try {
      return inodes.includes(statSync(`/proc/${pid}/ns/net`).ino);
    } catch {
      return false;
    }
  });
}

async function killIn(inodes: (number | undefined)[]): Promise<void> {
  const killed = () => {
    const pids = pidsIn(inodes);
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone meanwhile.
      }
    }
    return pids;
  };
  await until(killed, []);
}

async function deleteNamed(names: string[]): Promise<void> {
  const lines = names.filter((name) => listed(NETNS).includes(name)).map((name) => `netns delete ${name}\n`);
  if (lines.length === 0) return;
  await runWith(['ip', '-force', '-batch', '-'], lines.join('')).catch((error: unknown) => {
    if (names.some((name) => listed(NETNS).includes(name))) throw error;
  });
}

function runWith([program = '', ...args]: string[], input: string): Promise<string> {
  const child = spawn(program, args, { stdio: 'pipe', timeout: COMMAND_LIMIT_MS });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => (said.stdout += data));
  child.stderr.on('data', (data) => (said.stderr += data));
  // A program that ends early has said why.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    const fail = (how: string) => reject(new Error(`${program} ${args.join(' ')} ${how}\n${input}${said.stdout}\n${said.stderr}`));
    child.once('error', (error) => fail(error.message));
    child.once('close', (code, signal) => (code === 0 ? resolve(said.stdout) : fail(`ended with ${code ?? signal}`)));
  });
}

const COMMAND_LIMIT_MS = 10_000;
