import { expect, it } from 'vitest';
import { Progress, summary } from '../../../cli/phases.js';
import { scheduleLines } from '../../../cli/schedule-words.js';
import { table } from '../../../cli/table.js';
import { linesOf } from '../../../cli/verbs/doctor.js';
import { describe } from '../../../cli/verbs/status.js';
import type { RunStatus } from '../../../spec/nodes.js';

/** It would clear the screen, ring, and begin a line of its own. */
const EVIL = '\x1b[2J\x07\r\nexit code 0';
const RAW = /[^\P{Cc}\n]/u;

const FAILED: RunStatus = {
  ...{ run: `x${EVIL}`, runId: '1', name: 'x', fleet: EVIL, phase: 'failed', reason: 'CommandFailed', message: EVIL, generation: 1 },
  ...{ restarts: 0, restartsLeft: null, losses: 0, nodesWanted: 1, resizes: [], formerNodes: [], warnings: [EVIL] },
  failures: [{ type: 'CommandFailed', message: EVIL, atMs: 0 } as never],
  nodes: [
    {
      ...{ rank: 0, group: '0', host: `a${EVIL}`, address: '10.0.0.1', interface: EVIL, addressReason: `a: ${EVIL}`, id: 'i', gpus: 0 },
      ...{ state: 'failed', exitCode: 7, startNumber: 1, sinceMs: 0, lastLine: EVIL },
    },
  ],
  ...{ submittedAtMs: 0, releasedAtMs: 100, endedAtMs: 1_500, lastLines: `\x1b[31mred\x1b[0m 100 %\rdone\n${EVIL}\n` },
};

it.each<[string, () => string[]]>([
  ['the lines of a status', () => describe(FAILED)],
  ['the end of a run', () => summary(FAILED)],
  ['the end of a run that was stopped', () => summary({ ...FAILED, phase: 'cancelled' })],
  ['what changes in a run', () => new Progress().lines({ ...FAILED, phase: 'restarting' })],
  ['a table', () => table(['A', 'B'], [[EVIL, EVIL]])],
  ['a check', () => linesOf({ check: 'hosts', verdict: 'ok', found: EVIL, mend: EVIL } as never)],
  [
    'a schedule',
    () =>
      scheduleLines(
        {
          ...{
            id: EVIL,
            name: 'x',
            fleet: EVIL,
            nodes: 1,
            elastic: null,
            schedule: null,
            timeZone: 'UTC',
            overlap: 'skip',
            catchUpSeconds: 60,
            onFailure: 'continue',
          },
          ...{ paused: true, note: EVIL, runs: [], running: [], nextAtMs: null, nextTimesMs: [] },
          firings: { started: 1, skipped: 0, missed: 1, dropped: 0, waiting: 0 },
          lastFirings: [{ run: EVIL, scheduledAtMs: 0, startedAtMs: 0, endedAtMs: 1_000, phase: 'failed', message: EVIL }],
        },
        0,
        'UTC',
      ),
  ],
])('%s holds nothing that a terminal would obey, and each line is one', (_, lines) => {
  const said = lines();
  expect(said.join('\n')).toContain('exit code 0');
  for (const line of said) expect(line).not.toMatch(RAW);
  for (const line of said) expect(line).not.toContain('\n');
});

it('the last lines of a program are told without their colours', () => {
  expect(summary(FAILED)[2]).toBe('  red 100 % done');
});

it('columns stay in line beside wide characters', () => {
  expect(
    table(
      ['NAME', 'STATE'],
      [
        ['漢字テスト', 'held'],
        ['a', 'free'],
      ],
    ),
  ).toEqual(['NAME        STATE', '漢字テスト  held', 'a           free']);
});
