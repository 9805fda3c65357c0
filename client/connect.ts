import { type Client, WorkflowUpdateFailedError } from '@temporalio/client';
import { checkServer, dial } from '../connection/dial.js';
import { readTemporalOptions, type TemporalOptions } from '../connection/options.js';
import type { HostStatus } from '../spec/fleet.js';
import { DEFAULT_FLEET, fleetWorkflowId } from '../spec/ids.js';
import { drain, HOSTS_LISTED, hosts, type Plan, partsOf, plan } from '../spec/messages.js';
import { ask, NoSuchWorkflow } from './ask.js';
import { HostNotFound } from './errors.js';
import { Runs } from './runs.js';
import { Schedules } from './schedules.js';
import { readSubmitted, type TaskFile } from './submitted.js';
import { called } from './temporal-error.js';

const CHECK_LIMIT_MS = 5_000;

export interface ConnectOptions {
  /** Where Temporal is. Left out: `TEMPORAL_*` and temporal.toml say so. */
  temporal?: TemporalOptions;
  /**
   * A client that your program has already, of its namespace; instead of `temporal`. It stays yours: `close` leaves it open. With a data converter of its own the control
   * workers and agents need the same.
   */
  client?: Client;
  /** Where `MUSTER_SERVER` is looked up; this process's own if left out. */
  env?: NodeJS.ProcessEnv;
}

/**
 * A Muster that is connected to Temporal. Throws `TemporalUnreachable` within 5 s, `ServerTooOld`, `TemporalRefused` and
 * `BadConnectionConfig`. Close it when it is no longer needed: it keeps the process alive.
 */
export async function connect({ client, temporal, env }: ConnectOptions = {}): Promise<Muster> {
  if (client === undefined) return new Muster(await called(() => dial(temporal ?? readTemporalOptions(env))));
  await called(() => client.withDeadline(Date.now() + CHECK_LIMIT_MS, () => checkServer(client.connection)));
  return new Muster(client, { closes: false });
}

/** One namespace's runs, schedules and hosts. `connect` makes it. */
export class Muster {
  /** What is started, and what was. */
  readonly runs: Runs;
  /** What starts runs by the clock. */
  readonly schedules: Schedules;
  readonly #client: Client;
  readonly #closes: boolean;

  /** Checks nothing. `closes`: whether the client is closed by `close`; yes if left out. */
  constructor(client: Client, { closes = true }: { closes?: boolean } = {}) {
    this.#client = client;
    this.#closes = closes;
    this.runs = new Runs(client);
    this.schedules = new Schedules(client);
  }

  /** The hosts of a fleet, ordered by id; none where no host was ever announced. Throws `NobodyAnswers`. */
  async hosts(fleet: string = DEFAULT_FLEET): Promise<HostStatus[]> {
    const handle = this.#client.workflow.getHandle(fleetWorkflowId(fleet));
    try {
      const all: HostStatus[] = [];
      for (;;) {
        const after = all.at(-1)?.host;
        const listed = await ask(this.#client, `the fleet ${fleet}`, () => handle.query(hosts, after === undefined ? {} : { after }));
        // An older control worker tells of all at once, and again.
        if (all.some(({ host }) => host === listed[0]?.host)) return all;
        all.push(...listed);
        if (listed.length < HOSTS_LISTED) return all;
      }
    } catch (error) {
      if (error instanceof NoSuchWorkflow) return [];
      throw error;
    }
  }

  /** Which hosts a task would have, in rank order, or what it would wait for. Starts nothing. Throws `InvalidTask` and `NobodyAnswers`. */
  async plan(task: TaskFile, { env = process.env }: { env?: Record<string, string | undefined> } = {}): Promise<Plan & { groups: string[] }> {
    const { fleet, groups, hosts: pinned, network, interface: name } = readSubmitted(task, env, 'task').parsed;
    const parts = partsOf(groups);
    const names = groups.map(({ name }) => name);
    const handle = this.#client.workflow.getHandle(fleetWorkflowId(fleet));
    try {
      return {
        groups: names,
        ...(await ask(this.#client, `the fleet ${fleet}`, () => handle.query(plan, { fleet, parts, hosts: pinned, wish: { network, interface: name } }))),
      };
    } catch (error) {
      if (!(error instanceof NoSuchWorkflow)) throw error;
      return { groups: names, nodes: [], fails: null, waits: `the fleet ${fleet} has no hosts: none has announced itself`, never: false, ahead: 0 };
    }
  }

  /** Takes a host out of use, or back into it; its runs go on. A sentence for people. Throws `HostNotFound`, `NobodyAnswers`. */
  async drain(host: string, drained: boolean, fleet: string = DEFAULT_FLEET): Promise<string> {
    const handle = this.#client.workflow.getHandle(fleetWorkflowId(fleet));
    try {
      return (await ask(this.#client, `the fleet ${fleet}`, () => handle.executeUpdate(drain, { args: [{ host, drained }] }))).message;
    } catch (error) {
      if (error instanceof WorkflowUpdateFailedError) throw new HostNotFound(error.cause?.message ?? error.message, { cause: error });
      if (error instanceof NoSuchWorkflow) throw new HostNotFound(`The fleet ${fleet} has no hosts`);
      throw error;
    }
  }

  /** Closes the connection, if it was `connect` that opened it; runs go on. To close twice is fine. */
  async close(): Promise<void> {
    if (this.#closes) await this.#client.connection.close();
  }

  /** `await using muster = await connect()` closes it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
