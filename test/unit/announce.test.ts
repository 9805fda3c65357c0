import type { Client } from '@temporalio/client';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { HostFacts } from '../../spec/fleet.js';
import type { HostAnnounced } from '../../spec/messages.js';
import { announce } from '../../workers/announce.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('a host tells the fleet again when a run that it announced is over', async () => {
  const told: HostAnnounced[] = [];
  const client = {
    workflow: {
      signalWithStart: async (_type: string, { signalArgs: [message] }: { signalArgs: [HostAnnounced] }) => told.push(message),
      getHandle: () => ({ describe: async () => ({ status: { name: 'RUNNING' }, raw: { workflowExecutionInfo: { firstRunId: 'fleet' } } }) }),
    },
    withDeadline: <T>(_deadline: number, work: () => Promise<T>) => work(),
  };
  let runs = [
    { runId: 'r', handle: 'run' },
    { runId: 's', handle: 'other' },
  ];
  const facts = { host: 'a' } as HostFacts;
  const announcer = await announce(client as unknown as Client, 'default', facts, () => runs, pino({ level: 'silent' }));
  await vi.advanceTimersByTimeAsync(12_000);
  expect(told.map((message) => message.runs.length)).toEqual([2]);
  runs = runs.slice(1);
  await vi.advanceTimersByTimeAsync(12_000);
  expect(told.map((message) => message.runs.map(({ runId }) => runId))).toEqual([['r', 's'], ['s']]);
  announcer.stop();
});
