import { readFileSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { cookie } from '../../spec/ids.js';
import type { RosterLine } from '../../spec/roster-feed.js';
import type { Agent } from './agent.js';
import type { Seats } from './seats.js';
import { rosterPath } from './store.js';

/** The most connections that follow at once, over all runs. */
export const MOST_WATCHERS = 256;
/** What nobody told is noticed within this time. */
const LOOK_EVERY_MS = 1_000;
/** How long a watcher may take to read its last line. */
const LAST_LINE_MS = 5_000;

/** One start, and who follows its roster. */
interface Followed {
  runId: string;
  startNumber: number;
  /** Which file was read last. */
  seen: string;
  line: Buffer;
  sockets: Set<Socket>;
}

/**
 * Those who follow the rosters of this host's starts: each gets the newest at once, and every one that replaces it. Who has not read the last
 * list when the next one comes is dropped: it may ask again, and at most one list a start is held for all that follow it.
 */
export class RosterWatchers {
  readonly #followed = new Map<string, Followed>();
  readonly #deaf: () => void;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly agent: Pick<Agent, 'dataDir' | 'host' | 'rosterNews'>,
    private readonly seats: Pick<Seats, 'get'>,
  ) {
    this.#deaf = agent.rosterNews.listen((runId, startNumber) => {
      const followed = this.#followed.get(cookie(runId, agent.host, startNumber));
      if (followed) this.#look(followed);
    });
  }

  /** Takes a connection that asked for a start which has a roster. */
  add(socket: Socket, runId: string, startNumber: number): void {
    if (this.#count >= MOST_WATCHERS) {
      const message = `${MOST_WATCHERS} programs follow the list on host ${this.agent.host} already, and no more may`;
      socket.end(lineOf({ refused: 'TooManyWatchers', message }));
      return;
    }
    const key = cookie(runId, this.agent.host, startNumber);
    const followed = this.#followed.get(key) ?? { runId, startNumber, seen: '', line: Buffer.alloc(0), sockets: new Set() };
    this.#followed.set(key, followed);
    this.#timer ??= setInterval(() => this.#lookAtAll(), LOOK_EVERY_MS).unref();
    this.#count++;
    socket.setTimeout(0);
    socket.once('close', () => {
      this.#count--;
      followed.sockets.delete(socket);
      this.#forgetUnless(followed.sockets.size > 0, followed);
    });
    this.#read(followed);
    socket.write(followed.line);
    followed.sockets.add(socket);
    this.#look(followed);
  }

  /** Tells nobody any more; the connections are the caller's. */
  close(): void {
    this.#deaf();
    clearInterval(this.#timer);
    this.#followed.clear();
  }

  #lookAtAll(): void {
    for (const followed of this.#followed.values()) this.#look(followed);
  }

  #look(followed: Followed): void {
    this.#read(followed);
    if (!this.#isOver(followed)) return;
    for (const socket of followed.sockets) {
      socket.setTimeout(LAST_LINE_MS, () => socket.destroy());
      socket.end(lineOf({ ended: true }));
    }
    this.#forgetUnless(false, followed);
  }

  /** Reads the file again where it is another one, and hands it on. */
  #read(followed: Followed): void {
    const path = rosterPath(this.agent.dataDir, followed.runId, followed.startNumber);
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    const seen = stat ? `${stat.ino} ${stat.mtimeNs} ${stat.size}` : followed.seen;
    if (seen === followed.seen) return;
    followed.seen = seen;
    followed.line = Buffer.concat([readFileSync(path), NEWLINE]);
    for (const socket of followed.sockets) {
      if (socket.writableLength > 0) socket.destroy();
      else socket.write(followed.line);
    }
  }

  #isOver({ runId, startNumber }: Followed): boolean {
    const start = this.seats.get(runId, startNumber);
    return start === undefined || start.record.end !== null;
  }

  #forgetUnless(needed: boolean, followed: Followed): void {
    const key = cookie(followed.runId, this.agent.host, followed.startNumber);
    if (!needed && this.#followed.get(key) === followed) this.#followed.delete(key);
    if (this.#followed.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

const NEWLINE = Buffer.from('\n');

export function lineOf(line: RosterLine): string {
  return `${JSON.stringify(line)}\n`;
}
