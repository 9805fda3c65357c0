import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
const LIMIT_MS = 10_000;

/** A pipe between this process and a child: our end as a stream, and the other as a file descriptor, which is to be closed once the child has it. */
export interface Pipe {
  ours: Socket;
  theirs: number;
}

/**
 * Makes pipes, under names that are gone when they are here. What Node.js makes by itself are sockets, and on these a program cannot open /dev/stdin, /dev/stdout and /dev/stderr. Rejects where
 * the directory takes none.
 */
export async function makePipes<const N extends readonly ('to' | 'from')[]>(dir: string, id: string, directions: N): Promise<{ [K in keyof N]: Pipe }> {
  const paths = directions.map((_, i) => join(dir, `pipe-${id}-${i}`));
  const opened: Pipe[] = [];
  try {
    await run('mkfifo', ['-m', '600', ...paths], { timeout: LIMIT_MS });
    for (const [i, direction] of directions.entries()) opened.push(openPipe(paths[i] ?? '', direction));
    return opened as { [K in keyof N]: Pipe };
  } catch (error) {
    for (const { ours, theirs } of opened) {
      ours.destroy();
      closeSync(theirs);
    }
    throw error;
  } finally {
    for (const path of paths) rmSync(path, { force: true });
  }
}

/** Nobody waits for the other end in any of these: the one that never waits is opened first. The child's has to wait when it is used, and so is not the same. */
function openPipe(path: string, direction: 'to' | 'from'): Pipe {
  const opened: number[] = [];
  const open = (flags: number) => {
    const fd = openSync(path, flags);
    opened.push(fd);
    return fd;
  };
  try {
    const reader = open(O_RDONLY | O_NONBLOCK);
    if (direction === 'from') return { theirs: open(O_WRONLY), ours: new Socket({ fd: reader, readable: true, writable: false }) };
    const writer = open(O_WRONLY | O_NONBLOCK);
    const pipe = { theirs: open(O_RDONLY), ours: new Socket({ fd: writer, readable: false, writable: true }) };
    closeSync(reader);
    return pipe;
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw error;
  }
}
