import { afterEach, beforeEach, expect } from 'vitest';
import { FakeHost, type FakeHostSettings, Floor } from '../helpers/fake-host.js';
import { until } from '../helpers/until.js';
import { type EnvSettings, hostsOf, openWorkflowEnv, type ServerKind, type StoryRun, startRun, type WorkflowEnv } from '../helpers/workflow-env.js';
import { recordHistory } from '../replay/record.js';

/** What a story is told on: a server, a control worker, hosts and runs of its own. */
export interface Stage {
  env: WorkflowEnv;
  /** Hosts with the addresses 10.0.0.1, 10.0.0.2 … in the order given, announced to the fleet. */
  hosts(settings: Record<string, FakeHostSettings>): Promise<FakeHost[]>;
  run(task: Record<string, unknown>, id?: string): Promise<StoryRun>;
  /** Keeps a history for the replay test, where MUSTER_RECORD=1. */
  record(behaviour: string, workflowId: string): Promise<void>;
  /** Waits until the fleet has taken back every host that still answers. */
  allFree(): Promise<void>;
}

/** Opens a stage for every test of the file, and closes it with a look at what the story left behind. */
export function openStage(kind: ServerKind = 'skipping', settings: EnvSettings = {}): Stage {
  let env: WorkflowEnv | undefined;
  let floor = new Floor();
  let hosts: FakeHost[] = [];
  let runs: StoryRun[] = [];
  const current = () => env ?? expect.fail('the stage is not open');

  const stage: Stage = {
    get env() {
      return current();
    },
    async hosts(settings) {
      const added: FakeHost[] = [];
      for (const [name, own] of Object.entries(settings)) {
        const host = new FakeHost(current(), floor, name, own.address ?? `10.0.0.${hosts.length + 1}`, own);
        hosts.push(host);
        added.push(host);
        if (own.silent) host.alive = false;
        else await host.serve();
        await host.announce();
      }
      return added;
    },
    async run(task, id = 'story') {
      const run = await startRun(current(), task, id);
      runs.push(run);
      return run;
    },
    record: (behaviour, workflowId) => recordHistory(current(), behaviour, workflowId),
    async allFree() {
      const alive = hosts.filter((host) => host.alive).map(({ name }) => name);
      await until(async () => (await hostsOf(current())).filter(({ host, lease }) => alive.includes(host) && lease !== null), []);
    },
  };

  beforeEach(async () => {
    env = await openWorkflowEnv(kind, settings);
  });
  afterEach(async () => {
    const left = await leftOf(current(), hosts, runs);
    await Promise.all(hosts.map((host) => host.fallSilent()));
    await env?.close();
    env = undefined;
    floor = new Floor();
    hosts = [];
    runs = [];
    expect(left, 'what the story left behind').toEqual({ runs: [], programs: [], held: [] });
  });
  return stage;
}

/** No run, no program on a host that answers, no lease but of a host that does not. */
async function leftOf(env: WorkflowEnv, hosts: FakeHost[], runs: StoryRun[]) {
  const read = async () => {
    const seen = await Promise.all(runs.map(({ handle }) => handle.describe()));
    return {
      runs: seen.filter(({ status }) => status.name === 'RUNNING').map(({ workflowId }) => workflowId),
      programs: hosts.filter((host) => host.alive && host.running() > 0).map(({ name }) => name),
      held: (await hostsOf(env)).filter(({ state }) => state === 'held').map(({ host }) => host),
    };
  };
  const none = { runs: [], programs: [], held: [] };
  return until(read, none, 3_000).catch(read);
}
