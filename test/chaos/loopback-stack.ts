import { type ChildProcess, spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { dial } from '../../connection/dial.js';
import { findTemporalBinary } from '../../workers/server/find.js';
import { type DevServer, startDevServer } from '../../workers/server/start.js';
import { MAIN, untilAnnounced, withoutTemporal } from '../helpers/machines.js';
import { type SmallDisk, smallDisk, smallDisksWork } from '../helpers/small-disk.js';
import { until } from '../helpers/until.js';
import { FAULT_KINDS, type FaultKind } from './evidence.js';
import { Gate } from './gate.js';
import { gone, isGone, type Server, type Stack } from './stack.js';

const AGENT_LIMIT_MS = 180_000;
const DISK_KIB = 16_384;
/** The client tries what fails again and again, for less than this. */
const RETRIES_MS = 90_000;
const DISK_LIMIT_MS = 10_000;
const CONTROL = 'control';

/** A server on a file, a control worker and agents on 127.x, each a process of its own; every agent reaches Temporal through a gate of its own. */
export class LoopbackStack implements Stack {
  readonly kinds: readonly FaultKind[];
  readonly hosts: readonly string[];
  readonly server: Server = {
    pid: () => this.#server.pid,
    kill: () => this.#killServer(),
    start: () => this.#startServer(),
  };
  readonly tight?: Stack['tight'] & object;
  readonly #children = new Map<string, ChildProcess>();
  /** Who is meant to run. */
  readonly #wanted = new Set<string>();
  #crashes: string[] = [];
  #stopped = false;

  private constructor(
    readonly dir: string,
    readonly client: Client,
    private readonly binary: string,
    private readonly main: string,
    private readonly net: number,
    private readonly gates: ReadonlyMap<string, Gate>,
    private readonly disk: SmallDisk | undefined,
    server: DevServer,
  ) {
    this.#server = server;
    this.hosts = [...gates.keys()];
    this.kinds = FAULT_KINDS.filter((kind) => !kind.startsWith('link-') && (disk !== undefined || kind !== 'disk-full'));
    const [first = ''] = this.hosts;
    if (disk) this.tight = { host: first, fill: disk.fill, free: disk.free };
  }

  #server: DevServer;

  /** `main`: the command line to run, if it is another than this tree's. */
  static async start(hosts: number, net: number, main = MAIN): Promise<LoopbackStack> {
    const dir = mkdtempSync(join(tmpdir(), 'muster-chaos-'));
    const binary = await findTemporalBinary({ say: () => undefined });
    const server = await startDevServer({ binary, logFile: join(dir, 'server.log'), dbFile: join(dir, 'temporal.db'), tiedTo: 'parent' });
    const client = await dial({ address: server.address, namespace: 'default' });
    const port = Number(server.address.split(':')[1]);
    const names = Array.from({ length: hosts }, (_, i) => `host-${i + 1}`);
    const gates = new Map(await Promise.all(names.map(async (name) => [name, await Gate.open(port)] as const)));
    const disk = smallDisksWork ? smallDisk(DISK_KIB) : undefined;
    const stack = new LoopbackStack(dir, client, binary, main, net, gates, disk, server);
    stack.startControl();
    const over = new AbortController();
    setMaxListeners(0, over.signal);
    await client.withAbortSignal(over.signal, () => Promise.all(names.map((name) => stack.startAgent(name))));
    over.abort();
    return stack;
  }

  agent(host: string): ChildProcess {
    const child = this.#children.get(host);
    if (!child) throw new Error(`there is no agent on ${host}`);
    return child;
  }

  async killAgent(host: string): Promise<void> {
    await this.#kill(host);
  }

  /** Again and again, as whatever looks after agents does, until one has announced itself. */
  async startAgent(host: string): Promise<void> {
    const limit = performance.now() + AGENT_LIMIT_MS;
    const args = ['host', '--name', host, '--address', this.#addressOf(host), '--data', this.dataDir(host)];
    while (performance.now() < limit) {
      const since = Date.now();
      const child = this.#launch(host, args, this.gates.get(host)?.address ?? '');
      const broken = gone(child).then(() => 'broken' as const);
      const announced = untilAnnounced(this.client, host, since).then(
        () => 'announced' as const,
        () => 'late' as const,
      );
      const how = await Promise.race([announced, broken]);
      if (how === 'announced') return;
      if (how === 'late') await this.#kill(host);
    }
    throw new Error(`the agent of ${host} does not come up`);
  }

  dataDir(host: string): string {
    return this.disk && host === this.hosts[0] ? join(this.disk.path, host) : join(this.dir, host);
  }

  control(): ChildProcess {
    return this.agent(CONTROL);
  }

  async killControl(): Promise<void> {
    await this.#kill(CONTROL);
  }

  startControl(): void {
    this.#launch(CONTROL, ['control'], this.#server.address);
  }

  async cutTemporal(host: string): Promise<() => Promise<void>> {
    const gate = this.gates.get(host);
    gate?.cut();
    return async () => gate?.heal();
  }

  async mend(): Promise<void> {
    for (const child of this.#children.values()) if (!isGone(child)) child.kill('SIGCONT');
    if (isGone(this.control())) this.startControl();
    await Promise.all(this.hosts.filter((host) => isGone(this.agent(host))).map((host) => this.startAgent(host)));
  }

  crashes(): string[] {
    const crashes = this.#crashes;
    this.#crashes = [];
    return crashes;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const child of this.#children.values()) {
      child.kill('SIGCONT');
      child.stdin?.end();
    }
    await Promise.all([...this.#children.values()].map(gone));
    for (const gate of this.gates.values()) gate.close();
    // A call that is to be tried again when the connection is gone would end this process.
    setTimeout(() => void this.client.connection.close().catch(() => undefined), RETRIES_MS).unref();
    await this.#server.stop();
    // Whoever holds the data directory's lock ends a moment after its agent.
    await until(() => this.disk?.remove(), undefined, DISK_LIMIT_MS);
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #killServer(): Promise<void> {
    process.kill(this.#server.pid, 'SIGKILL');
    await this.#server.exited;
  }

  async #startServer(): Promise<void> {
    const [port, uiPort] = [this.#server.address, this.#server.uiUrl].map((address) => Number(address.split(':').at(-1)));
    const files = { logFile: join(this.dir, 'server.log'), dbFile: join(this.dir, 'temporal.db') };
    this.#server = await startDevServer({ binary: this.binary, ...files, ...(port ? { port } : {}), ...(uiPort ? { uiPort } : {}), tiedTo: 'parent' });
  }

  #launch(name: string, args: string[], temporal: string): ChildProcess {
    const logs = join(this.dir, 'logs');
    mkdirSync(logs, { recursive: true });
    const log = openSync(join(logs, `${name}.log`), 'a');
    const env = { ...withoutTemporal(process.env), MUSTER_SERVER: temporal };
    const child = spawn(process.execPath, [this.main, ...args, '--dev-stack'], { env, stdio: ['pipe', log, log] });
    closeSync(log);
    this.#children.set(name, child);
    this.#wanted.add(name);
    child.once('exit', (code, signal) => {
      if (!this.#wanted.has(name) || this.#stopped || this.#children.get(name) !== child) return;
      this.#crashes.push(`${name} ended with ${code ?? signal}`);
      if (name === CONTROL) this.startControl();
    });
    return child;
  }

  async #kill(name: string): Promise<void> {
    const child = this.agent(name);
    this.#wanted.delete(name);
    child.kill('SIGKILL');
    await gone(child);
  }

  #addressOf(host: string): string {
    return `127.${this.net}.0.${this.hosts.indexOf(host) + 1}`;
  }
}
