import { msToTs } from '@temporalio/common/lib/time.js';
import { expect, it } from 'vitest';
import { InvalidTask, Muster, RescaleRefused, type Run, RunNotFound } from '../../../client/index.js';
import { fakeTemporal, rpc } from './fake-temporal.js';

const invalid = (details: string) => () => Promise.reject(rpc(3, 'INVALID_ARGUMENT', details));
const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => 'nothing',
    (error: unknown) => error,
  );

/** What Temporal says of a workflow of this type; 1: running, 2: completed. */
const described = (name: string, status: number) => ({
  workflowExecutionInfo: {
    ...{ execution: { workflowId: 'x', runId: '1' }, type: { name }, status, taskQueue: 'q', historyLength: { toNumber: () => 0 }, startTime: msToTs(0) },
  },
});
const REFUSES = {
  status: 2,
  outcome: { failure: { message: 'no such update', applicationFailureInfo: {} } },
  updateRef: { workflowExecution: { workflowId: 'x', runId: '1' }, updateId: 'u' },
};
const ofType = (name: string, status: number) =>
  new Muster(
    fakeTemporal({
      describeWorkflowExecution: () => described(name, status),
      queryWorkflow: invalid('unknown queryType status'),
      updateWorkflowExecution: () => ({ ...REFUSES, stage: 3 }),
      getWorkflowExecutionHistory: () => expect.fail('nobody waits for it'),
    }),
  );

const QUESTIONS: [string, (run: Run) => Promise<unknown>][] = [
  ['status', (run) => run.status()],
  ['roster', (run) => run.roster()],
  ['stop', (run) => run.stop()],
  ['rescale', (run) => run.rescale(2)],
  ['wait', (run) => run.wait({ limitMs: 5_000 })],
  ['logs', (run) => run.logs().next()],
  ['events', (run) => run.events().next()],
  ['exec', (run) => run.exec({ rank: 0, command: 'true' })],
];

it.each(QUESTIONS)('%s of a handle that none can be says that there is no such run', async (_, ask) => {
  const refuse = invalid('WorkflowId is not set on request');
  const answers = { describeWorkflowExecution: refuse, queryWorkflow: refuse, updateWorkflowExecution: refuse, getWorkflowExecutionHistory: refuse };
  const muster = new Muster(fakeTemporal(answers));
  const empty = await caught(ask(muster.runs.get('')));
  expect(empty).toBeInstanceOf(RunNotFound);
  expect((empty as Error).message).toBe('An empty text names no run; `muster ps` lists the runs');
  const long = await caught(ask(muster.runs.get('x'.repeat(5_000))));
  expect(long).toBeInstanceOf(RunNotFound);
  expect((long as Error).message).toMatch(/^There is no run x{200}…; /);
});

it.each(QUESTIONS)('%s of a workflow that is no run says that there is no such run', async (_, ask) => {
  for (const status of [1, 2]) {
    const error = await caught(ask(ofType('musterFleet', status).runs.get('muster-fleet-default')));
    expect(error).toBeInstanceOf(RunNotFound);
    expect((error as Error).message).toBe('There is no run muster-fleet-default; `muster ps` lists the runs');
  }
});

it('a run that refuses is there', async () => {
  const error = await caught(ofType('musterRun', 1).runs.get('x').rescale(2));
  expect(error).toBeInstanceOf(RescaleRefused);
  expect((error as Error).message).toBe('no such update');
});

it('a handle that Temporal does not take is a mistake of who starts the run', async () => {
  const muster = new Muster(fakeTemporal({ startWorkflowExecution: invalid('WorkflowId length exceeds limit.') }));
  const error = await caught(muster.runs.start({ commands: ['true'] }, { id: 'x'.repeat(5_000) }));
  expect(error).toBeInstanceOf(InvalidTask);
  expect((error as Error).message).toBe('The task is invalid: Temporal does not take it: WorkflowId length exceeds limit.');
});
