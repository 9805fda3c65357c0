import { createConnection } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type RosterFile, type RosterLine, WATCH } from '../spec/roster-feed.js';
import { formatDuration } from './duration.js';
import { UsageError } from './exit.js';

/** The host's agent did not answer for as long as one was patient. */
export class AgentUnreachable extends Error {
  override readonly name = 'AgentUnreachable';
}

/** The agent has as many watchers as it takes. */
export class TooManyWatchers extends Error {
  override readonly name = 'TooManyWatchers';
}

/** One connection's; less where less patience is asked for, though an agent that is busy has its second. */
const ANSWER_WITHIN_MS = 10_000;
const SHORTEST_ANSWER_MS = 1_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

interface Feed {
  socketPath: string;
  cookie: string;
  /** How long the agent may be away. */
  patienceMs: number;
  signal?: AbortSignal;
}

/** The roster as it is. Throws `AgentUnreachable`, `UsageError`, what `signal` aborts with. */
export async function readRoster(feed: Feed): Promise<RosterFile> {
  for await (const roster of rosters(feed, '')) return roster;
  throw new Error('an agent has ended an answer without a roster');
}

/**
 * The roster as it is, and every newer one, until the start has ended; never one again, nor an older one. An agent that goes is waited for, and the
 * next one asked. Throws as `readRoster`, and `TooManyWatchers`.
 */
export function followRosters(feed: Feed): AsyncGenerator<RosterFile, void> {
  return rosters(feed, WATCH);
}

async function* rosters(feed: Feed, word: string): AsyncGenerator<RosterFile, void> {
  const { patienceMs, signal } = feed;
  let newest = 0;
  let lostAt = performance.now();
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    let trouble = 'it closes the connection without an answer; it may be older than this command';
    let answered = false;
    try {
      for await (const line of linesOf(feed, word)) {
        answered = true;
        if ('ended' in line) return;
        if ('refused' in line) throw line.refused === 'TooManyWatchers' ? new TooManyWatchers(line.message) : new UsageError(line.message);
        if (line.generation <= newest) continue;
        newest = line.generation;
        yield line;
      }
    } catch (error) {
      signal?.throwIfAborted();
      trouble = wireTrouble(error);
    }
    if (answered) {
      lostAt = performance.now();
      pauseMs = FIRST_PAUSE_MS;
    }
    if (performance.now() - lostAt >= patienceMs) {
      throw new AgentUnreachable(`The agent of this host has not answered for ${formatDuration(patienceMs)} at ${feed.socketPath}: ${trouble}`);
    }
    await pause(pauseMs, undefined, signal ? { signal } : {});
  }
}

/** What an agent says on one connection. A line that was not ended does not count. */
async function* linesOf({ socketPath, cookie, patienceMs, signal }: Feed, word: string): AsyncGenerator<RosterLine> {
  const socket = createConnection({ path: socketPath, ...(signal ? { signal } : {}) });
  const late = setTimeout(
    () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })),
    Math.min(ANSWER_WITHIN_MS, Math.max(patienceMs, SHORTEST_ANSWER_MS)),
  );
  socket.setEncoding('utf8');
  socket.write(`${cookie}${word}\n`);
  let begun = '';
  try {
    for await (const chunk of socket) {
      const lines = `${begun}${chunk}`.split('\n');
      begun = lines.pop() ?? '';
      for (const line of lines) {
        clearTimeout(late);
        yield JSON.parse(line);
      }
    }
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}

const TROUBLES: Record<string, string> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nobody listens',
  ETIMEDOUT: 'it takes the question and says nothing',
};

/** The error as a text for people where time may mend it; throws it where not. */
function wireTrouble(error: unknown): string {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM')
    throw new AgentUnreachable("The agent's socket may not be used by this user; only the one that the job runs as may");
  const known = code === undefined ? undefined : TROUBLES[code];
  if (known === undefined && syscall === undefined) throw error;
  return known ?? `${code}`;
}
