import { beforeEach, expect, it, vi } from 'vitest';
import type { Resize } from '../../spec/nodes.js';
import type { Task } from '../../spec/task/task.js';
import type { RunRecord } from '../../workflows/run-record.js';

vi.mock('@temporalio/workflow', () => ({
  ...{ defineSignal: () => ({}), defineQuery: () => ({}), defineUpdate: () => ({}), proxyActivities: () => ({}), setCurrentDetails: () => undefined },
  ...{ uuid4: () => '', workflowInfo: () => ({ workflowId: 'run-x', firstExecutionRunId: 'r' }) },
}));
const { newRecord } = await import('../../workflows/run-record.js');
const { putBack } = await import('../../workflows/rescale.js');

const wish = (id: string, nodes: number): Resize => ({ id, nodes, sizes: [nodes], state: 'waiting', message: '' });
const task = {} as Task;
let record: RunRecord;

beforeEach(() => {
  record = newRecord();
  record.resizing = wish('first', 2);
  record.resizes = [record.resizing];
});

it('a wish that was being readied when the gang ended waits for the next generation', async () => {
  const readied = record.resizing;
  await putBack(record, task);
  expect([record.resizing, record.wish]).toEqual([null, readied]);
  expect(record.resizes[0]?.state).toBe('waiting');
});

it('it gives way to a newer one', async () => {
  record.wish = wish('second', 5);
  await putBack(record, task);
  expect([record.resizing, record.wish.id, record.resizes[0]?.message]).toEqual([null, 'second', 'superseded by 5 nodes']);
});
