import type {
  CommandChunk,
  CommandEndReason,
  CommandFed,
  CommandStarted,
  FeedCommandInput,
  ReadCommandInput,
  SignalCommandInput,
  StartCommandInput,
} from '../../spec/commands.js';
import { Command, killAll } from '../process/command.js';

/** A host runs no more at a time: each may hold more than a megabyte of the agent's memory. */
const MOST = 32;
const MOST_BYTES = 256 * 1024;
const LONGEST_WAIT_MS = 5_000;
const FEED_WAIT_MS = 2_000;

/** Where a command is to run: beside the program of this start. */
export interface CommandPlace {
  cookie: string;
  dir: string;
  startNumber: number;
  baseEnv: Readonly<Record<string, string>>;
  /** Whether its program still goes. */
  isLive(): boolean;
}

interface Known {
  command: Command;
  /** Of the start beside which it runs. */
  cookie: string;
  startNumber: number;
  reason: CommandEndReason;
  /** Whether somebody was given its end. */
  told: boolean;
  lease: NodeJS.Timeout;
  limit: NodeJS.Timeout;
  leaseMs: number;
}

/** The commands that people run beside the programs of this host. They end with their program, with the agent, and when nobody asks after them any more. */
export class Commands {
  readonly #known = new Map<string, Known>();
  readonly #starting = new Map<string, Promise<CommandStarted>>();

  /** `graceMs`: what one whose time is over has between SIGTERM and SIGKILL. */
  constructor(private readonly graceMs = 5_000) {}

  /** Starts it, once for its id. */
  async start(input: StartCommandInput, place: CommandPlace): Promise<CommandStarted> {
    const { id } = input;
    const again = this.#heard(id);
    if (again) return { kind: 'started', startNumber: again.startNumber };
    const starting = this.#starting.get(id) ?? this.#begin(input, place).finally(() => this.#starting.delete(id));
    this.#starting.set(id, starting);
    return starting;
  }

  async #begin({ id, command, stdin, leaseMs, limitMs }: StartCommandInput, place: CommandPlace): Promise<CommandStarted> {
    // Who was given an end asks once more at most, where the answer was lost: it is kept as long as there is room.
    const [oldest] = [...this.#known].find(([, { told }]) => told) ?? [];
    const isFull = () => this.#known.size + this.#starting.size >= MOST;
    if (isFull() && oldest !== undefined) this.#drop(oldest);
    if (isFull()) return { kind: 'refused', message: `it runs ${MOST} commands already, as many as it may` };
    const { dir, baseEnv, cookie, startNumber } = place;
    let started: Command;
    try {
      started = await Command.start(dir, id, command, { stdin, baseEnv });
    } catch (error) {
      return { kind: 'refused', message: `the command cannot be started: ${error instanceof Error ? error.message : error}` };
    }
    this.#known.set(id, {
      ...{ command: started, cookie, startNumber, reason: 'exited', told: false, leaseMs },
      lease: setTimeout(() => this.#drop(id), leaseMs),
      limit: setTimeout(() => this.#timeOut(id), limitMs),
    });
    // It may have ended while the pipes were made.
    if (!place.isLive()) this.endOf(cookie);
    return { kind: 'started', startNumber };
  }

  async read({ id, offset, waitMs }: ReadCommandInput): Promise<CommandChunk> {
    const known = this.#heard(id);
    if (!known) return { kind: 'unknown' };
    const { command } = known;
    await command.untilMore(offset, Math.min(waitMs, LONGEST_WAIT_MS));
    this.#heard(id);
    const { pieces, nextOffset, more } = command.take(offset, MOST_BYTES);
    const { code } = command;
    known.told ||= code !== undefined && !more;
    return {
      ...{ kind: 'known', nextOffset },
      pieces: pieces.map(({ stream, data }) => [stream, data.toString('base64')]),
      end: code === undefined || more ? null : { code, reason: known.reason },
    };
  }

  async feed({ id, offset, data, end }: FeedCommandInput): Promise<CommandFed> {
    const known = this.#heard(id);
    if (!known) return { taken: null };
    const taken = await known.command.feed(offset, Buffer.from(data, 'base64'), end, FEED_WAIT_MS);
    this.#heard(id);
    return { taken };
  }

  signal({ id, signal }: SignalCommandInput): void {
    const command = this.#heard(id)?.command;
    if (signal === 'SIGKILL') command?.kill();
    else command?.signal(signal as NodeJS.Signals);
  }

  /** Kills what runs beside the program of this start, which has ended. */
  endOf(cookie: string): void {
    const going = [...this.#known.values()].filter((known) => known.cookie === cookie && known.command.code === undefined);
    for (const known of going) known.reason = 'node-ended';
    killAll(going.map(({ command }) => command));
  }

  /** Kills all of them. */
  endAll(): void {
    for (const id of [...this.#known.keys()]) this.#drop(id);
  }

  /** Somebody asks after it. */
  #heard(id: string): Known | undefined {
    const known = this.#known.get(id);
    if (!known) return undefined;
    clearTimeout(known.lease);
    known.lease = setTimeout(() => this.#drop(id), known.leaseMs);
    return known;
  }

  #timeOut(id: string): void {
    const known = this.#known.get(id);
    if (!known || known.command.code !== undefined) return;
    known.reason = 'timed-out';
    known.command.signal('SIGTERM');
    known.limit = setTimeout(() => known.command.kill(), this.graceMs);
  }

  #drop(id: string): void {
    const known = this.#known.get(id);
    if (!known) return;
    clearTimeout(known.lease);
    clearTimeout(known.limit);
    known.command.drop();
    this.#known.delete(id);
  }
}
