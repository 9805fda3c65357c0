import { ServiceError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { codeOf, Exit, UsageError, verdictOf } from '../../../cli/exit.js';
import { onlyOnLinux } from '../../../cli/linux.js';
import { summary } from '../../../cli/phases.js';
import { InvalidTask, NobodyAnswers, RunNotFound, ServerTooOld, TemporalUnreachable, WaitTimedOut } from '../../../client/index.js';
import type { RunStatus } from '../../../spec/nodes.js';
import { PortTaken } from '../../../workers/server/ports.js';

describe('a failure of the command', () => {
  it.each([
    [new UsageError('no'), 2],
    [new InvalidTask([{ path: 'nodes', message: 'expected at least 1, got 0' }]), 2],
    [new RunNotFound('run-x'), 2],
    [new PortTaken(7233, '127.0.0.1', '--port'), 2],
    [new TemporalUnreachable('away'), 3],
    [new ServerTooOld('old'), 3],
    [new NobodyAnswers('the run x'), 3],
    [new WaitTimedOut('run-x', 30_000), 4],
  ])('says one sentence and ends with the code of its kind: %s', (error, code) => {
    expect(verdictOf(error)).toEqual({ code, message: error.message });
  });

  it('counts as unreachable when the connection breaks, however deep the cause', () => {
    const grpc = Object.assign(new Error('14 UNAVAILABLE'), { code: 14, details: 'connection refused' });
    expect(verdictOf(new ServiceError('Failed to query', { cause: grpc }))).toEqual({
      code: 3,
      message: 'Temporal cannot be reached any more (connection refused)',
    });
  });

  it('is a mistake when Temporal does not take what was asked for', () => {
    const grpc = Object.assign(new Error('3 INVALID_ARGUMENT'), { code: 3, details: 'too long' });
    expect(verdictOf(new ServiceError('Failed to describe', { cause: grpc }))).toEqual({
      code: 2,
      message: 'Temporal does not take what was asked for (too long)',
    });
  });

  it('counts as unreachable when the namespace is not there', () => {
    expect(verdictOf(new NamespaceNotFoundError('typo'))).toEqual({ code: 3, message: 'Temporal does not know the namespace typo' });
  });

  it('is no word of Temporal when a program has ended with such a number', () => {
    expect(verdictOf(Object.assign(new Error('Command failed'), { code: 4 })).code).toBe(70);
  });

  it('is a bug with a stack when nobody knows it', () => {
    const { code, message } = verdictOf(new TypeError('x is undefined'));
    expect(code).toBe(70);
    expect(message).toMatch(/^Muster has a bug: TypeError: x is undefined\n {4}at /);
  });

  it('says nothing more when everything was said', () => {
    expect(verdictOf(new Exit(130))).toEqual({ code: 130, message: '' });
  });
});

describe('the end of a run', () => {
  it.each([
    ['succeeded', 'Succeeded', 0],
    ['failed', 'CommandFailed', 1],
    ['failed', 'InvalidSpec', 2],
    ['cancelled', 'Stopped', 5],
    ['cancelled', 'Terminated', 5],
  ] as const)('%s with %s is exit code %d', (phase, reason, code) => {
    expect(codeOf({ phase, reason })).toBe(code);
  });

  it('after a failure tells the message, the last lines, every node and what to do', () => {
    const status: RunStatus = {
      ...{ run: 'run-x', runId: '1', name: 'x', fleet: 'default', phase: 'failed', reason: 'CommandFailed' },
      ...{
        message: 'Node 0 on a exited with code 7 in generation 1',
        generation: 1,
        restarts: 0,
        restartsLeft: null,
        losses: 0,
        failures: [],
        nodesWanted: 1,
        resizes: [],
        formerNodes: [],
        warnings: [],
      },
      nodes: [
        {
          rank: 0,
          group: '0',
          host: 'a',
          address: '10.0.0.1',
          interface: 'eth0',
          addressReason: '',
          id: 'i',
          gpus: 0,
          state: 'failed',
          exitCode: 7,
          startNumber: 1,
          sinceMs: 0,
          lastLine: 'two',
        },
      ],
      ...{ submittedAtMs: 0, releasedAtMs: 100, endedAtMs: 1_500, lastLines: 'one\ntwo\n' },
    };
    expect(summary(status)).toEqual([
      'run-x failed: Node 0 on a exited with code 7 in generation 1 (1.5 s)',
      'The last lines of the node that failed first:',
      '  one',
      '  two',
      'RANK  HOST  ADDRESS   INTERFACE  STATE   EXIT  START',
      '0     a     10.0.0.1  eth0       failed  7     1',
      'What to do: Read the last lines of the named node, or `muster logs run-x --rank R`.',
    ]);
    const notExecutable = { ...status, nodes: status.nodes.map((node) => ({ ...node, exitCode: 126 })) };
    expect(summary(notExecutable).at(-1)).toMatch(/--rank R`\. The file may not be executed: `chmod \+x` it, then apply or start again\.$/);
  });
});

it('sends who is not on Linux to docker compose', () => {
  expect(() => onlyOnLinux('--dev', 'darwin')).toThrow(/^--dev needs Linux; .*docker compose/);
  expect(() => onlyOnLinux('--dev', 'linux')).not.toThrow();
});
