import { afterEach, expect, it, vi } from 'vitest';
import { showTrouble } from '../../../cli/follow-run.js';
import { lineOf } from '../../../cli/verbs/events.js';

afterEach(() => vi.restoreAllMocks());

it.each([
  [true, ['{"event":"trouble","message":"nobody answers"}\n'], []],
  [false, [], ['nobody answers\n']],
])('what keeps one from following is a line for whoever reads; as JSON: %s', (asJson, out, err) => {
  const written: Record<'stdout' | 'stderr', string[]> = { stdout: [], stderr: [] };
  for (const name of ['stdout', 'stderr'] as const) vi.spyOn(process[name], 'write').mockImplementation((text) => written[name].push(String(text)) > 0);
  showTrouble('nobody answers', asJson);
  expect(written).toEqual({ stdout: out, stderr: err });
});

it('an event has its time with the time zone', () => {
  const line = lineOf({ atMs: Date.UTC(2026, 4, 3, 2, 59, 7), kind: 'exited', message: 'Node 0 exited', generation: 1, nodes: [], reason: '' });
  const [, time = ''] = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)) {2}exited {5}Node 0 exited$/.exec(line) ?? [];
  expect(new Date(time).getTime()).toBe(Date.UTC(2026, 4, 3, 2, 59, 7));
});
