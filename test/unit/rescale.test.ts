import { beforeEach, expect, it, vi } from 'vitest';
import type { Resize } from '../../spec/nodes.js';
import type { Task } from '../../spec/task/task.js';
import type { RunRecord } from '../../workflows/run-record.js';

vi.mock('@temporalio/workflow', () => ({
  ...{ defineSignal: () => ({}), defineQuery: () => ({}), defineUpdate: () => ({}), proxyActivities: () => ({}), setCurrentDetails: () => undefined },
  ...{
    metricMeter: {},
    inWorkflowContext: () => false,
    uuid4: () => '',
    workflowInfo: () => ({ workflowId: 'run-x', firstExecutionRunId: 'r', typedSearchAttributes: { get: () => undefined } }),
  },
}));
const { newRecord } = await import('../../workflows/run-record.js');
const { wishesWith } = await import('../../workflows/decisions/resize.js');
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

it('wishes that are refused one after the other push out old ones, and not one that waits', () => {
  let wishes = [wish('old', 1), wish('waits', 2)];
  Object.assign(wishes[0] as Resize, { state: 'done' });
  for (let i = 0; i < 20; i++) wishes = wishesWith(wishes, { ...wish(`refused-${i}`, 3), state: 'refused' });
  expect(wishes.map(({ id }) => id)).toEqual(['waits', ...Array.from({ length: 9 }, (_, i) => `refused-${i + 11}`)]);
});
