import { expect, it } from 'vitest';
import { cells, rowOf, unanswered } from '../../../cli/verbs/ps.js';
import type { RunStatus, RunSummary } from '../../../client/index.js';

const MINUTE = 60_000;
const summary: RunSummary = { run: 'r', runId: 'the-second', state: 'running', startedAtMs: 60 * MINUTE, endedAtMs: null };

function status(more: Partial<RunStatus>): RunStatus {
  return {
    name: 'train',
    phase: 'running',
    reason: 'Running',
    message: 'all\x1b[31m run',
    nodesWanted: 3,
    submittedAtMs: 0,
    endedAtMs: null,
    ...more,
  } as RunStatus;
}

it('tells how old a run is from its submission, also after it has continued as new', () => {
  const row = rowOf({ summary, status: status({}) });
  expect(row).toEqual({
    ...{ run: 'r', name: 'train', phase: 'running', reason: 'Running', message: 'all\x1b[31m run' },
    nodesWanted: 3,
    submittedAtMs: 0,
    endedAtMs: null,
  });
  expect(cells(row, 90 * MINUTE)).toEqual(['r', 'running', '3', '1 h', '1 h 30 min', expect.not.stringContaining('\x1b')]);
});

it('tells how long a run took from its submission to its end', () => {
  const row = rowOf({ summary: { ...summary, endedAtMs: 70 * MINUTE }, status: status({ phase: 'succeeded', endedAtMs: 69 * MINUTE }) });
  expect(cells(row, 90 * MINUTE).slice(3, 5)).toEqual(['1 h', '1 h 9 min']);
});

it('has what the list knows of a run that could not be asked', () => {
  const row = rowOf({ summary, status: null });
  expect(row).toMatchObject({ name: null, phase: 'running', nodesWanted: null, submittedAtMs: 60 * MINUTE });
  expect(cells(row, 90 * MINUTE)).toEqual(['r', 'running', '-', '30 min', '30 min', '']);
});

it.each([
  [1, false, "1 run could not be asked (does a control worker run?): what Temporal's list knows of it is shown"],
  [3, true, '3 runs could not be asked (does a control worker run?): whether they have this name is not known'],
])('says that %d could not be asked, by name: %s', (count, byName, words) => {
  expect(unanswered(count, byName)).toBe(words);
});
