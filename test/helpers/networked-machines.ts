import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { dial } from '../../connection/dial.js';
import { findTemporalBinary } from '../../workers/server/find.js';
import { untilReady } from '../../workers/server/ready.js';
import { DEV_SERVER_SETTINGS, dynamicConfigArguments } from '../../workers/server/settings.js';
import { startTethered, type Tethered } from '../../workers/server/tether.js';
import { LinkFaults, type Undo } from './link-faults.js';
import { MAIN, startTask, untilAnnounced, withoutTemporal } from './machines.js';
import { type Relay, startRelay } from './relay.js';
import { Network, onLan, type Station, withoutPrefix } from './stations.js';
import { until } from './until.js';

/** The station of Temporal and the control worker. */
export const CONTROL = 'control';

const TEMPORAL_PORT = 7233;
const SERVER_LIMIT_MS = 20_000;

/** A real server, a real control worker and real agents, each in a network namespace of its machine, as far apart as machines are. */
export class NetworkedMachines {
  readonly faults: LinkFaults;
  readonly #agents = new Map<string, { child: ChildProcess; options: string[] }>();
  readonly #children: ChildProcess[] = [];

  private constructor(
    readonly network: Network,
    /** Dials Temporal through a relay, from the machine's own network. */
    readonly client: Client,
    /** For the command line, here. */
    readonly env: NodeJS.ProcessEnv,
    private readonly relay: Relay,
    private readonly server: Tethered,
  ) {
    this.faults = new LinkFaults(network);
    this.#launch(CONTROL, CONTROL, ['control', '--dev-stack'], `127.0.0.1:${TEMPORAL_PORT}`);
  }

  /** `control` is where Temporal runs, 10.77.0.254 of the fabric `lan` if nothing else is said. */
  static async start(control: Station = onLan(CONTROL, 254)): Promise<NetworkedMachines> {
    const binary = await findTemporalBinary({ say: () => undefined });
    const network = await Network.open();
    try {
      await network.add([{ ...control, name: CONTROL }]);
      const server = await startServer(network, binary);
      const relay = await startRelay(network.namespaces, CONTROL, TEMPORAL_PORT);
      await untilReady(relay.address, 'default', AbortSignal.timeout(SERVER_LIMIT_MS));
      const client = await dial({ address: relay.address, namespace: 'default' });
      return new NetworkedMachines(network, client, { ...withoutTemporal(process.env), MUSTER_SERVER: relay.address }, relay, server);
    } catch (error) {
      await network.namespaces.close();
      throw error;
    }
  }

  /** For logs, data and what programs write; all machines see it. */
  get dir(): string {
    return this.network.namespaces.dir;
  }

  /** Machines with an agent each, started with the same options; resolves when the fleet knows them. A router goes to `network.add`. */
  async addHosts(stations: Station[], options: string[] = []): Promise<void> {
    await this.network.add(stations);
    await Promise.all(stations.map(({ name }) => this.startAgent(name, options)));
  }

  /** An agent that was there before starts with its former options, on its former data. */
  async startAgent(host: string, options?: string[]): Promise<ChildProcess> {
    const own = options ?? this.#agents.get(host)?.options ?? [];
    const since = Date.now();
    const child = this.#launch(host, host, ['host', '--dev-stack', '--name', host, '--data', join(this.dir, host), ...own], this.#temporalFor(host));
    this.#agents.set(host, { child, options: own });
    const broken = once(child, 'exit').then(() => {
      throw new Error(`The agent of ${host} ended: ${this.log(host)}`);
    });
    await Promise.race([untilAnnounced(this.client, host, since), broken]);
    return child;
  }

  /** What the agent said. */
  log(host: string): string {
    return readFileSync(this.#logFile(host), 'utf8');
  }

  agent(host: string): ChildProcess {
    const agent = this.#agents.get(host);
    if (!agent) throw new Error(`There is no agent on ${host}`);
    return agent.child;
  }

  /** kill -9, with the programs left alone. */
  async killAgent(host: string): Promise<void> {
    const child = this.agent(host);
    if (isGone(child)) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** The agent does nothing and its connections stay open, until it is thawed. */
  freezeAgent(host: string): Undo {
    const child = this.agent(host);
    child.kill('SIGSTOP');
    return async () => {
      child.kill('SIGCONT');
    };
  }

  /** The plug is pulled: nobody hears of it. The undo plugs the cables in; then `startAgent`. */
  async powerOff(host: string): Promise<Undo> {
    const plugIn = await this.faults.cut(host);
    await this.network.namespaces.kill([host]);
    return plugIn;
  }

  /** Starts a run; `task` is a task file's object. */
  start(task: Record<string, unknown>): Promise<string> {
    return startTask(this.client, task);
  }

  /** Makes an empty file: the sign that a program waits for. */
  touch(path: string): void {
    writeFileSync(path, '');
  }

  /** Takes hosts away for good, with all that runs there. Rejects if an agent that lived left processes behind. */
  async removeHosts(names: string[]): Promise<void> {
    await Promise.all(names.map((name) => this.faults.heal(name)));
    const alive = names.filter((name) => !isGone(this.agent(name)));
    await Promise.all(alive.map((name) => end(this.agent(name))));
    const strays = () => alive.flatMap((name) => this.network.namespaces.pids(name).map((pid) => `${name}: ${commandOf(pid)}`));
    const left = await until(strays, []).catch((error: Error) => error);
    await this.network.remove(names);
    for (const name of names) this.#agents.delete(name);
    if (left instanceof Error) throw new Error('Agents left processes behind', { cause: left });
  }

  /** Ends and removes everything. Rejects, after that, if an agent that lived left processes behind. */
  async stop(): Promise<void> {
    try {
      await this.removeHosts([...this.#agents.keys()]);
    } finally {
      await Promise.all(this.#children.map(end));
      await this.client.connection.close();
      await this.relay.stop();
      await this.server.end('kill');
      await this.network.namespaces.close();
    }
  }

  // On the first fabric that both are on; through a router else.
  #temporalFor(host: string): string {
    const theirs = this.network.station(CONTROL).links;
    const own = this.network.station(host).links;
    const { addresses } = theirs.find(({ fabric }) => own.some((link) => link.fabric === fabric)) ?? theirs[0] ?? { addresses: [] };
    const v4 = own.some((link) => link.addresses.some((address) => !address.includes(':')));
    const address = withoutPrefix(addresses.find((one) => one.includes(':') !== v4) ?? addresses[0] ?? '');
    return address.includes(':') ? `[${address}]:${TEMPORAL_PORT}` : `${address}:${TEMPORAL_PORT}`;
  }

  #launch(station: string, name: string, args: string[], temporal: string): ChildProcess {
    const log = openSync(this.#logFile(name), 'a');
    const env = { ...this.env, MUSTER_SERVER: temporal };
    const child = this.network.namespaces.spawn(station, [process.execPath, MAIN, ...args], { env, stdio: ['pipe', log, log] });
    closeSync(log);
    this.#children.push(child);
    return child;
  }

  #logFile(name: string): string {
    return join(this.dir, `${name}.log`);
  }
}

async function startServer({ namespaces }: Network, binary: string): Promise<Tethered> {
  const place = ['--ip', '::', '--port', String(TEMPORAL_PORT), '--headless', '--namespace', 'default', '--log-level', 'warn'];
  const logFd = openSync(join(namespaces.dir, 'server.log'), 'a');
  try {
    const command = ['ip', 'netns', 'exec', namespaces.named(CONTROL), binary, 'server', 'start-dev', ...place] as const;
    return await startTethered({
      command: [...command, ...dynamicConfigArguments(DEV_SERVER_SETTINGS)],
      env: withoutTemporal(process.env),
      logFd,
      removeOnExit: [],
    });
  } finally {
    closeSync(logFd);
  }
}

function commandOf(pid: number): string {
  try {
    return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`;
  } catch {
    return 'gone';
  }
}

function isGone(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** As when its parent dies: an agent ends its programs. */
async function end(child: ChildProcess): Promise<void> {
  if (isGone(child)) return;
  const gone = once(child, 'exit');
  child.kill('SIGCONT');
  child.stdin?.end();
  await gone;
}
