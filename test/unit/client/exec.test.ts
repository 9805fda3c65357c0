import { expect, it } from 'vitest';
import { type CallHost, exec } from '../../../client/exec.js';
import type { RunStatus } from '../../../spec/nodes.js';
import { until } from '../../helpers/until.js';

it('input that breaks ends the command, and is what exec throws', async () => {
  const node = { rank: 0, host: 'host-1', startNumber: 1 };
  const status = { runId: 'r', phase: 'running', generation: 1, endedAtMs: null, nodes: [node] } as unknown as RunStatus;
  const signals: string[] = [];
  const answers = {
    startCommand: () => ({ kind: 'started', startNumber: 1 }),
    feedCommand: () => ({ taken: 4 }),
    signalCommand: ({ signal }: { signal?: string }) => void signals.push(signal ?? ''),
    readCommand: async () => {
      await until(() => signals.length > 0, true);
      return { kind: 'known', pieces: [], nextOffset: 0, end: { code: 143, reason: 'exited' } };
    },
  };
  const call = (async (_status, _host, activity, input) => answers[activity as keyof typeof answers](input)) as CallHost;
  async function* stdin() {
    yield 'one ';
    throw new Error('the file could not be read on');
  }
  await expect(exec('run-x', status, call, { rank: 0, command: 'cat', stdin: stdin() })).rejects.toThrow('the file could not be read on');
  expect(signals).toEqual(['SIGTERM']);
});
