import { type Client, WorkflowUpdateFailedError } from '@temporalio/client';
import { dial } from '../connection/dial.js';
import { readTemporalOptions, type TemporalOptions } from '../connection/options.js';
import type { HostStatus } from '../spec/fleet.js';
import { DEFAULT_FLEET, fleetWorkflowId } from '../spec/ids.js';
import { drain, HOSTS_LISTED, hosts, type Plan, partsOf, plan } from '../spec/messages.js';
import { ask, NoSuchWorkflow } from './ask.js';
import { HostNotFound } from './errors.js';
import { Runs } from './runs.js';
import { Schedules } from './schedules.js';
import { readSubmitted, type TaskFile } from './submitted.js';

export interface ConnectOptions {
  /** Where Temporal is. Left out: `TEMPORAL_*` and temporal.toml say so. */
  temporal?: TemporalOptions;
  /** Where `MUSTER_SERVER` is looked up; this process's own if left out. */
  env?: NodeJS.ProcessEnv;
}

/**
 * A Muster that is connected to Temporal. Throws `TemporalUnreachable` within 5 s, `ServerTooOld` and
 * `BadConnectionConfig`. Close it when it is no longer needed: it keeps the process alive.
 */
export async function connect(options: ConnectOptions = {}): Promise<Muster> {
  return new Muster(await dial(options.temporal ?? readTemporalOptions(options.env)));
}

/** One namespace's runs, schedules and hosts. */
export class Muster {
  readonly runs: Runs;
  readonly schedules: Schedules;
  readonly #client: Client;

  /** Takes over a client that is connected already; it should use Muster's data converter. */
  constructor(client: Client) {
    this.#client = client;
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
      if (error instanceof WorkflowUpdateFailedError) throw new HostNotFound(error.cause?.message ?? error.message);
      if (error instanceof NoSuchWorkflow) throw new HostNotFound(`The fleet ${fleet} has no hosts`);
      throw error;
    }
  }

  /** Closes the connection; runs go on. */
  async close(): Promise<void> {
    await this.#client.connection.close();
  }
}
