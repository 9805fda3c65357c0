import { ApplicationFailure, type SignalDefinition } from '@temporalio/common';
import { beforeEach, expect, it, vi } from 'vitest';

type Handler = (message: unknown) => unknown;
const heard = vi.hoisted(() => ({ handler: undefined as Handler | undefined, logged: [] as object[] }));
vi.mock('@temporalio/workflow', () => ({
  DeterminismViolationError: class extends Error {},
  log: { warn: (_: string, fields: object) => heard.logged.push(fields) },
  setHandler: (_: unknown, handler: Handler) => {
    heard.handler = handler;
  },
}));
const { hearFact } = await import('../../workflows/hear-fact.js');

interface Taken {
  hosts: string[];
}
const signal = { name: 'hostsTaken' } as SignalDefinition<[Taken]>;
const send = (message: unknown) => heard.handler?.(message);

beforeEach(() => {
  heard.logged = [];
});

it('a signal that lacks what it must say is passed over, and the control worker logs it', () => {
  const handler = vi.fn();
  hearFact(signal, ['hosts'], handler);
  for (const message of [undefined, null, 'x', {}]) send(message);
  expect(handler).not.toHaveBeenCalled();
  // Without an event it would not be logged as ours.
  expect(heard.logged).toEqual(Array(4).fill({ event: 'signal-passed-over', signal: 'hostsTaken', missing: ['hosts'] }));
});

it.each([
  ['at once', ({ hosts }: Taken) => void hosts.find(() => true)],
  ['later', async ({ hosts }: Taken) => void hosts.find(() => true)],
])('a signal of another shape, whose handler fails %s, is passed over', async (_, handler) => {
  hearFact(signal, ['hosts'], handler);
  await send({ hosts: 'gpu-1' });
  expect(heard.logged).toEqual([{ event: 'signal-passed-over', signal: 'hostsTaken', error: expect.stringContaining('find') }]);
  await send({ hosts: [] });
  expect(heard.logged).toHaveLength(1);
});

it("a failure of Temporal's is the workflow's", async () => {
  const failure = ApplicationFailure.nonRetryable('broken');
  hearFact(signal, ['hosts'], () => {
    throw failure;
  });
  expect(() => send({ hosts: [] })).toThrow(failure);
  hearFact(signal, ['hosts'], () => Promise.reject(failure));
  await expect(send({ hosts: [] })).rejects.toBe(failure);
  expect(heard.logged).toEqual([]);
});
