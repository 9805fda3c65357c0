import type { Client } from '@temporalio/client';
import { expect, it } from 'vitest';
import { NobodyAnswers, RunNotFound, TemporalRefused, TemporalUnreachable } from '../../client/index.js';
import { candidatesFor, passes, queryOf, type SearchOptions, searchRuns } from '../../client/run-search.js';
import { queryOf as queryOfList, type RunFilter } from '../../client/runs.js';
import type { RunPhase, RunStatus } from '../../spec/nodes.js';

const RUN = "WorkflowType = 'musterRun'";

it.each<[string, SearchOptions, boolean, string]>([
  ['nothing', {}, true, RUN],
  ['a phase, without search attributes', { phases: ['running'] }, false, `${RUN} AND ExecutionStatus IN ('Running')`],
  ['phases that Temporal has no words for', { phases: ['queued', 'restarting'] }, false, `${RUN} AND ExecutionStatus IN ('Running')`],
  ['one phase alone', { phases: 'running' }, false, `${RUN} AND ExecutionStatus IN ('Running')`],
  ['an end', { phases: ['succeeded'] }, false, `${RUN} AND ExecutionStatus IN ('Completed')`],
  ['a name, without search attributes', { name: 'train' }, false, RUN],
  [
    'a phase',
    { phases: ['cancelled'] },
    true,
    `${RUN} AND ExecutionStatus IN ('Canceled', 'Terminated', 'Failed') AND (MusterPhase IN ('cancelled') OR MusterPhase IS NULL OR ExecutionStatus = 'Terminated' OR ExecutionStatus = 'TimedOut')`,
  ],
  ['a name', { name: 'train' }, true, `${RUN} AND (MusterName = 'train' OR MusterName IS NULL)`],
  ['a name that is none', { name: "a' OR 'b\\" }, true, `${RUN} AND (MusterName = 'a'' OR ''b\\\\' OR MusterName IS NULL)`],
])('asks for %s', (_, filter, indexed, query) => {
  expect(queryOf(filter, indexed)).toBe(query);
});

it.each<[SearchOptions, RunPhase, { phase: RunPhase; name: string } | null, boolean]>([
  [{}, 'running', null, true],
  [{ phases: ['queued'] }, 'running', { phase: 'queued', name: 'a' }, true],
  [{ phases: 'running' }, 'running', { phase: 'running', name: 'a' }, true],
  [{ phases: 'running' }, 'running', { phase: 'queued', name: 'a' }, false],
  [{ phases: ['queued'] }, 'running', { phase: 'running', name: 'a' }, false],
  // What Temporal calls failed was stopped.
  [{ phases: ['cancelled'] }, 'failed', { phase: 'cancelled', name: 'a' }, true],
  [{ phases: ['failed'] }, 'failed', { phase: 'cancelled', name: 'a' }, false],
  [{ name: 'a' }, 'running', { phase: 'running', name: 'a' }, true],
  [{ name: 'b' }, 'running', { phase: 'running', name: 'a' }, false],
  [{ phases: ['running'] }, 'running', null, true],
  [{ name: 'a' }, 'running', null, false],
])('%j of a run that is %s, with the status %j: %s', (filter, state, status, expected) => {
  expect(passes(filter, state, status as RunStatus | null)).toBe(expected);
});

it.each<[string, RunFilter, string]>([
  ['all', {}, RUN],
  ['states', { state: ['failed', 'cancelled'] }, `${RUN} AND ExecutionStatus IN ('Failed', 'TimedOut', 'Canceled', 'Terminated')`],
  ['a prefix that is none', { prefix: "a' OR 'b\\" }, `${RUN} AND WorkflowId STARTS_WITH 'a'' OR ''b\\\\'`],
  ['a time', { startedAfterMs: 0 }, `${RUN} AND StartTime >= '1970-01-01T00:00:00.000Z'`],
])('lists %s', (_, filter, query) => {
  expect(queryOfList(filter)).toBe(query);
});

function clientOf(list: (options: { query: string }) => AsyncIterable<unknown>): Client {
  const withDeadline = <T>(_deadline: number, call: () => Promise<T>) => call();
  return { workflow: { list }, withDeadline } as unknown as Client;
}

async function* twoRuns() {
  for (const workflowId of ['a', 'b']) yield { workflowId, runId: workflowId, status: { name: 'RUNNING' }, startTime: new Date(0) };
}

it.each<[string, Error]>([
  ['that no control worker speaks for', new NobodyAnswers('the run b')],
  ['that Temporal does not keep any more', new RunNotFound('b')],
])('has a run %s without its status', async (_, error) => {
  const { runs, unanswered } = await searchRuns(clientOf(twoRuns), {}, async ({ run }) => {
    if (run === 'b') throw error;
    return { phase: 'queued' } as RunStatus;
  });
  expect(runs.map(({ summary, status }) => [summary.run, status])).toEqual([
    ['a', { phase: 'queued' }],
    ['b', null],
  ]);
  expect(unanswered).toBe(1);
});

it.each([new TemporalUnreachable('away'), new TemporalRefused('no')])('throws that Temporal itself does not answer meanwhile: $name', async (error) => {
  const search = searchRuns(clientOf(twoRuns), {}, async ({ run }) => {
    if (run === 'b') throw error;
    return { phase: 'queued' } as RunStatus;
  });
  await expect(search).rejects.toBe(error);
});

it('asks without search attributes where the namespace has none', async () => {
  const asked: string[] = [];
  const refusal = Object.assign(new Error('refused'), {
    cause: Object.assign(new Error('3'), { code: 3, details: 'no mapping defined for search attribute', metadata: {} }),
  });
  const list = async function* ({ query }: { query: string }) {
    asked.push(query);
    if (query.includes('MusterName')) throw refusal;
    yield { workflowId: 'a' };
  };
  const { indexed, runs } = await candidatesFor(clientOf(list), { name: 'train' }, 10);
  const found: unknown[] = [];
  for await (const run of runs) found.push(run);
  expect([indexed, found, asked]).toEqual([false, [{ workflowId: 'a' }], [queryOf({ name: 'train' }, true), RUN]]);
});
