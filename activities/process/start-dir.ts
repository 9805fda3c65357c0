import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isNodeError } from './node-error.js';

/**
 * The names in a start's directory. A start is one try to run one node's program; its directory is all that an agent needs
 * to carry on with it. The directory may be renamed until the launch is written, never later.
 */
export const startFiles = {
  /** FIFO: the shim's waiter reads one word from it. Nobody reads it once the program was released. */
  go: 'go',
  /** FIFO that nobody writes: the shim holds it open as long as it lives. */
  alive: 'alive',
  /** The identities of the shim and its waiter. Complete: the shim waits for a word. */
  shim: 'shim.json',
  /** Shell text: the environment, the shell, the working directory. */
  env: 'env.sh',
  /** What the program's shell runs. */
  script: 'script',
  /** The identity of the program. Present: *go* was accepted. */
  program: 'program.json',
  /** stdout and stderr of the program, in the order written. */
  output: 'output',
  /** Which part of the output is gone, where it grew over its cap. */
  outputCut: 'output-cut.json',
  /** When the output grew: a line `<epoch milliseconds> <bytes>` for each time that it was looked at. */
  outputTimes: 'output-times',
  /** One sentence, when the program could not be started at all. */
  launchFailed: 'launch-failed',
  /** The path of the start's own cgroup and a newline, where it has one. */
  cgroup: 'cgroup',
  /**
   * The exit code, right-aligned in three places, and a newline, in one write, then synced to the disk; its time of modification is the end of the
   * program. It is made beforehand with as many bytes (`exitRoom`), so that it can be watched and a full disk has room for the code: without its
   * newline it says nothing.
   */
  exit: 'exit',
} as const;

/** What stands in a start's exit file while there is no exit. */
export const exitRoom = '----';

/** The path of one of a start's files. */
export function startFile(dir: string, name: keyof typeof startFiles): string {
  return join(dir, startFiles[name]);
}

const processRecord = z.object({
  pid: z.int().min(2),
  startTime: z.int().min(0),
  bootId: z.string(),
  pidNamespace: z.string(),
});
const shimRecord = processRecord.extend({ waiterPid: z.int().min(2), waiterStartTime: z.int().min(0) });

/** The shim's identity. `waiterPid` is the process that waits for *go*; it becomes the program, under the same pid. */
export type ShimRecord = z.infer<typeof shimRecord>;

/** `code` as a shell tells it (128 + n for signal n). `endedAtMs` is a wall-clock time of the host. */
export interface ExitRecord {
  code: number;
  endedAtMs: number;
}

/** The shim, once it waits for a word; undefined before, and when the file is incomplete. */
export function readShim(dir: string): ShimRecord | undefined {
  return readJson(startFile(dir, 'shim'), shimRecord);
}

/** The program, once *go* was accepted; undefined before. Its pid is its process group and its session too. */
export function readProgram(dir: string): z.infer<typeof processRecord> | undefined {
  return readJson(startFile(dir, 'program'), processRecord);
}

/** As `readProgram`, also when its file was lost or damaged after *go*: the program is the waiter under another name. */
export function findProgram(dir: string): z.infer<typeof processRecord> | undefined {
  const program = readProgram(dir);
  if (program !== undefined || !existsSync(startFile(dir, 'program'))) return program;
  const shim = readShim(dir);
  return shim === undefined ? undefined : { ...shim, pid: shim.waiterPid, startTime: shim.waiterStartTime };
}

/** How the program ended; undefined while it runs, and when nobody was there to record it. */
export function readExit(dir: string): ExitRecord | undefined {
  const path = startFile(dir, 'exit');
  const text = readIfThere(path);
  if (text === undefined || !/^ {0,2}\d{1,3}\n$/.test(text)) return undefined;
  return { code: Number(text), endedAtMs: statSync(path).mtimeMs };
}

/** Why the program could not be started (no such shell, no working directory), or undefined. Its exit code is 126 or 127 then. */
export function readLaunchFailure(dir: string): string | undefined {
  return readIfThere(startFile(dir, 'launchFailed'))?.trim();
}

/** True while the shim lives, whoever its parent is. Costs three system calls and disturbs nothing. */
export function shimAlive(dir: string): boolean {
  const fd = openReader(startFile(dir, 'alive'));
  if (fd === undefined) return false;
  closeSync(fd);
  return true;
}

/**
 * Gives the waiting shim its word. Synchronous, tens of microseconds, never blocks. False when nothing waits there: the word was
 * given before, or the shim is dead. True means delivered; that it was acted on is seen by `readProgram`.
 */
export function releaseShim(dir: string, word: 'go' | 'abort'): boolean {
  // A waiter whose shim is dead must not start: nobody would record its exit.
  if (word === 'go' && !shimAlive(dir)) return false;
  const fd = openReader(startFile(dir, 'go'));
  if (fd === undefined) return false;
  try {
    writeSync(fd, `${word}\n`);
    return true;
  } catch (error) {
    if (isNodeError(error, 'EPIPE')) return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}

function openReader(fifo: string): number | undefined {
  try {
    const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    // Anything else would be as alive as can be.
    if (fstatSync(fd).isFIFO()) return fd;
    closeSync(fd);
    return undefined;
  } catch (error) {
    if (isNodeError(error, 'ENXIO', 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined;
    throw error;
  }
}

function readJson<T>(path: string, schema: z.ZodType<T>): T | undefined {
  const text = readIfThere(path);
  if (text === undefined || !text.endsWith('}\n')) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isNodeError(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined;
    throw error;
  }
}
