import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import type { CommandLine, CommandStream } from '../../spec/commands.js';
import { liveProcesses, readVariable } from './carriers.js';
import { COMMAND_MARK, commandScript } from './command-script.js';
import { quote } from './env.js';
import { makePipes } from './pipe.js';

/** So much output waits here at most for who reads it; then the command waits. */
const MOST_WAITING = 2 ** 20;
/** So much input waits here at most for the command to read it. */
const MOST_INPUT = 256 * 1024;
/** What has left the group and hidden its mark may hold the pipes open: it is heard so long after the end of the command. */
const AFTER_END_MS = 1_000;
/** And so often more at most, where it goes on writing. */
const MOST_AFTER_END = 3;
/** Two pipes, of the most that Linux lets a user make them. */
const MOST_IN_PIPES = 2 * 2 ** 20;

interface Waiting {
  stream: CommandStream;
  data: Buffer;
}

/** A command beside a program. Its output waits until it is taken, and is held for who asks for it again. */
export class Command {
  readonly #streams: readonly Socket[];
  readonly #child: ChildProcess;
  #waiting: Waiting[] = [];
  /** Where what waits begins, in all that was written. */
  #from = 0;
  #size = 0;
  #received = 0;
  #open = 2;
  #exit: number | undefined;
  #sizeAtExit = 0;
  #paused = false;
  readonly #wake = new Set<() => void>();

  /** Starts it beside the program of the start in this directory. Rejects where the directory or the machine takes no more. */
  static async start(dir: string, id: string, command: CommandLine, options: { baseEnv: Readonly<Record<string, string>>; stdin: boolean }): Promise<Command> {
    const [stdout, stderr, stdin] = await makePipes(dir, id, options.stdin ? ['from', 'from', 'to'] : ['from', 'from']);
    const pipes = [stdout, stderr, ...(stdin ? [stdin] : [])];
    try {
      const [kind, text] = 'line' in command ? ['line', command.line] : ['words', command.words.map(quote).join(' ')];
      const child = spawn('/bin/sh', ['-c', commandScript, 'muster-exec', kind, text, id], {
        ...{ cwd: dir, env: options.baseEnv, detached: true },
        // The last is what its group is killed by, when nobody holds it.
        stdio: [stdin?.theirs ?? 'ignore', stdout.theirs, stderr.theirs, 'pipe'],
      });
      return new Command(id, child, stdout.ours, stderr.ours, stdin?.ours);
    } catch (error) {
      for (const { ours } of pipes) ours.destroy();
      throw error;
    } finally {
      for (const { theirs } of pipes) closeSync(theirs);
    }
  }

  private constructor(
    readonly id: string,
    child: ChildProcess,
    stdout: Socket,
    stderr: Socket,
    private readonly stdin: Socket | undefined,
  ) {
    this.#child = child;
    this.#streams = [stdout, stderr];
    stdout.on('data', (data: Buffer) => this.#keep('stdout', data));
    stderr.on('data', (data: Buffer) => this.#keep('stderr', data));
    for (const stream of this.#streams) {
      stream.once('close', () => {
        this.#open--;
        this.#tell();
      });
      stream.on('error', () => undefined);
    }
    // Whoever does not read any more closes its end.
    stdin?.on('error', () => undefined);
    child.once('error', (error) => {
      this.#keep('stderr', Buffer.from(`muster: ${error.message}\n`));
      this.#exited(126);
    });
    // A machine that has no file descriptors left gives none to the child.
    child.stdio?.[3]?.on('error', () => undefined);
    child.once('exit', (code, signal) => this.#exited(code ?? 128 + (constants.signals[signal ?? 'SIGKILL'] ?? 9)));
  }

  /** How it ended, once it has and all its output is here; 128 + n for signal n. */
  get code(): number | undefined {
    return this.#open === 0 ? this.#exit : undefined;
  }

  /** What was written from this offset on, at most so many bytes; what stood before is forgotten. */
  take(offset: number, maxBytes: number): { pieces: Waiting[]; nextOffset: number; more: boolean } {
    this.#forget(offset);
    const pieces: Waiting[] = [];
    let left = maxBytes;
    for (const { stream, data } of this.#waiting) {
      if (left <= 0) break;
      const part = data.subarray(0, left);
      left -= part.length;
      pieces.push({ stream, data: part });
    }
    const nextOffset = this.#from + maxBytes - left;
    return { pieces, nextOffset, more: nextOffset < this.#size };
  }

  /** Resolves when there is output beyond this offset or the command has ended, or after so many milliseconds. */
  untilMore(offset: number, ms: number): Promise<void> {
    return this.#until(() => this.#size > offset || this.code !== undefined, ms);
  }

  /** Hands input to the command; how much of all input it has taken. What it has already is passed over, and where it is full, all of it. */
  async feed(offset: number, data: Buffer, end: boolean, waitMs: number): Promise<number> {
    const { stdin } = this;
    if (stdin === undefined) return this.#received;
    const hasRoom = () => data.length === 0 || stdin.writableLength < MOST_INPUT || this.#exit !== undefined;
    await this.#until(hasRoom, waitMs);
    if (!hasRoom() || offset > this.#received) return this.#received;
    const fresh = data.subarray(this.#received - offset);
    this.#received += fresh.length;
    if (stdin.writable && fresh.length > 0) stdin.write(fresh, () => this.#tell());
    if (end && stdin.writable) stdin.end();
    return this.#received;
  }

  /** Signals its whole group. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // It has just ended.
    }
  }

  /** Kills whatever of it lives: its group, and what carries its mark elsewhere. */
  kill(): void {
    killAll([this]);
  }

  /** Kills its group. */
  killGroup(): void {
    this.signal('SIGKILL');
    this.#child.stdio?.[3]?.destroy();
  }

  /** Kills it, and nobody will read what it has written. */
  drop(): void {
    this.kill();
    this.stdin?.destroy();
    for (const stream of this.#streams) stream.destroy();
  }

  #exited(code: number): void {
    if (this.#exit !== undefined) return;
    this.#exit = code;
    this.#sizeAtExit = this.#size;
    this.kill();
    this.stdin?.destroy();
    this.#closeWhenSilent();
    this.#tell();
  }

  /** Closes the pipes that somebody holds open after the end, once nothing more comes: while nobody takes what is here, more may wait in them. */
  #closeWhenSilent(more = MOST_AFTER_END): void {
    const seen = this.#size;
    const wasPaused = this.#paused;
    setTimeout(() => {
      // What came while this process was busy is read first.
      setImmediate(() => {
        if (this.#open === 0) return;
        // What was the command's is in the pipes, which hold no more, and comes at once where it may.
        const isTheirs = this.#size - this.#sizeAtExit > MOST_IN_PIPES || more === 0;
        const waits = wasPaused || this.#paused;
        if (!isTheirs && (waits || this.#size > seen)) return this.#closeWhenSilent(waits ? more : more - 1);
        for (const stream of this.#streams) stream.destroy();
      });
    }, AFTER_END_MS);
  }

  #keep(stream: CommandStream, data: Buffer): void {
    this.#waiting.push({ stream, data });
    this.#size += data.length;
    this.#pace();
    this.#tell();
  }

  #forget(upTo: number): void {
    while (this.#waiting[0] && this.#from < upTo) {
      const [first] = this.#waiting;
      const gone = Math.min(first.data.length, upTo - this.#from);
      this.#from += gone;
      if (gone === first.data.length) this.#waiting.shift();
      else first.data = first.data.subarray(gone);
    }
    this.#pace();
  }

  #pace(): void {
    const full = this.#size - this.#from >= MOST_WAITING;
    if (full === this.#paused) return;
    this.#paused = full;
    for (const stream of this.#streams) full ? stream.pause() : stream.resume();
  }

  #tell(): void {
    for (const wake of [...this.#wake]) wake();
  }

  #until(holds: () => boolean, ms: number): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(limit);
        this.#wake.delete(look);
        resolve();
      };
      const look = () => {
        if (holds()) finish();
      };
      const limit = setTimeout(finish, ms);
      this.#wake.add(look);
    });
  }
}

/** Kills whatever lives of these commands: their groups, and what carries their marks elsewhere. Looks through all processes once. */
export function killAll(commands: readonly Command[]): void {
  if (commands.length === 0) return;
  for (const command of commands) command.killGroup();
  try {
    killMarked((id) => commands.some((command) => command.id === id));
  } catch {
    // A machine that has no file descriptors left does not show its processes; the groups are killed.
  }
}

/** Kills the commands beside programs that an agent with this socket has left: they were to end with it. */
export function killLeftCommands(socketPath: string): number {
  return killMarked((_, pid) => readVariable(pid, 'MUSTER_SOCKET') === socketPath);
}

function killMarked(isMeant: (id: string, pid: number) => boolean): number {
  let killed = 0;
  for (const { pid } of liveProcesses()) {
    const id = readVariable(pid, COMMAND_MARK);
    if (id === undefined || !isMeant(id, pid)) continue;
    try {
      process.kill(pid, 'SIGKILL');
      killed++;
    } catch {
      // It has just ended, or is another user's.
    }
  }
  return killed;
}
