import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';

/** What Node.js gives who starts a process when no file descriptor is left: neither a process id nor streams, and the error in the next turn. */
vi.mock('node:child_process', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  spawn: () => {
    const child = Object.assign(new EventEmitter(), { pid: undefined, stdio: undefined, exitCode: null, signalCode: null });
    process.nextTick(() => child.emit('error', new Error('spawn /bin/sh EMFILE')));
    return child;
  },
}));
const { Command } = await import('../../../activities/process/command.js');

it('a command that a machine without file descriptors cannot start ends, and says why', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'muster-command-'));
  const command = await Command.start(dir, 'x', { words: ['true'] }, { baseEnv: {}, stdin: true });
  for (let i = 0; i < 5 && command.code === undefined; i++) await command.untilMore(10_000, 5_000);
  expect(command.code).toBe(126);
  expect(command.take(0, 1_000).pieces.map(({ data }) => data.toString())).toEqual(['muster: spawn /bin/sh EMFILE\n']);
  command.drop();
  rmSync(dir, { recursive: true });
});
