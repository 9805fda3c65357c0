import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hosts } from '../../spec/messages.js';
import type { RunStatus } from '../../spec/nodes.js';
import { type CallerWorker, makeCaller, startCaller } from '../helpers/callers.js';
import { type Machines, readLines, startMachines } from '../helpers/machines.js';
import { statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

/** The SDKs of other languages are installed and compiled at the first time. */
const INSTALL_MS = 900_000;
const LIMIT_MS = 120_000;

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(19, ['host-1', 'host-2', 'host-3']);
});
afterAll(() => machines.stop());

const SLEEP = { commands: ['exec sleep 1000'] };

/** All hosts can have another run. */
async function untilFree(): Promise<void> {
  const states = async () => (await machines.client.workflow.getHandle('muster-fleet-default').query(hosts)).map(({ state }) => state);
  await until(states, ['free', 'free', 'free'], LIMIT_MS);
}

describe.each(['typescript', 'python', 'go'])('a workflow in %s', (language) => {
  let worker: CallerWorker | undefined;
  let missing: string | undefined;
  beforeAll(async () => {
    const caller = await makeCaller(language, machines.dir);
    if ('missing' in caller) {
      missing = caller.missing;
      process.stderr.write(`SKIPPED: a workflow in ${language} that has a run, since ${missing}\n`);
    } else worker = startCaller(caller, machines.address);
  }, INSTALL_MS);
  afterAll(() => worker?.end());

  const begin = (id: string, task: Record<string, unknown>): Promise<WorkflowHandle> =>
    machines.client.workflow.start('trainAndReport', { workflowId: `${language}-${id}`, taskQueue: `train-${language}`, args: [task] });

  it(
    'has a run as a step and reads its result',
    async ({ skip }) => {
      if (missing) skip(missing);
      const parent = await begin('succeeds', { name: 'train', nodes: 2, commands: ['test $DSTACK_NODES_NUM = 2'] });
      expect(await parent.result()).toBe('succeeded in generation 1 on 127.19.0.1 127.19.0.2');
    },
    LIMIT_MS,
  );

  it(
    'reads which node failed from the failure',
    async ({ skip }) => {
      if (missing) skip(missing);
      const parent = await begin('fails', { nodes: 2, commands: ['if [ $DSTACK_NODE_RANK = 1 ]; then exit 7; fi', 'exec sleep 1000'] });
      expect(await parent.result()).toMatch(/^CommandFailed: node 1 on host-\d: Node 1 on host-\d exited with code 7 in generation 1/);
    },
    LIMIT_MS,
  );

  it(
    'fails as the run does where no node failed',
    async ({ skip }) => {
      if (missing) skip(missing);
      const parent = await begin('invalid', { nodes: 0, comands: ['true'] });
      const error = await parent.result().catch((thrown: unknown) => thrown);
      let root = error as Error;
      while (root.cause instanceof Error) root = root.cause;
      expect(root).toMatchObject({ type: 'InvalidSpec', message: expect.stringContaining('did you mean `commands`?') });
    },
    LIMIT_MS,
  );

  it(
    'gives the run another size by a signal, and leaves no process when it is cancelled',
    async ({ skip }) => {
      if (missing) skip(missing);
      const parent = await begin('steers', { nodes: 2, ...SLEEP });
      const run = `${language}-steers-run`;
      const { runId } = await untilPhase(machines.client, run, 'running', LIMIT_MS);
      await parent.signal('scale', 3);
      const grown = ({ phase, generation, nodes }: RunStatus) => phase === 'running' && generation === 2 && nodes.length === 3;
      await until(() => statusOf(machines.client, run), grown, LIMIT_MS);
      await parent.cancel();
      const error = await parent.result().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(WorkflowFailedError);
      expect((error as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
      // It has waited for the run.
      expect(await statusOf(machines.client, run)).toMatchObject({ phase: 'cancelled', reason: 'Cancelled' });
      await untilNothingLeft(runId);
      await untilFree();
    },
    LIMIT_MS,
  );

  // What Temporal does then is the same for all.
  if (language !== 'typescript') return;

  it(
    'that is terminated takes the run with it, whose programs are asked to end',
    async () => {
      const said = `${machines.dir}/said`;
      const commands = [`trap 'echo asked >> ${said}; exit 0' TERM`, 'while :; do sleep 0.1; done'];
      const parent = await begin('gone', { nodes: 2, commands });
      const { runId } = await untilPhase(machines.client, `${language}-gone-run`, 'running', LIMIT_MS);
      await parent.terminate('no longer needed');
      await untilNothingLeft(runId, LIMIT_MS);
      expect(readLines(said)).toEqual(['asked', 'asked']);
      expect((await machines.client.workflow.getHandle(`${language}-gone-run`).describe()).status.name).toBe('TERMINATED');
      await untilFree();
    },
    LIMIT_MS,
  );
});
