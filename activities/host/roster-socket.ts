import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { WATCH } from '../../spec/roster-feed.js';
import type { Agent } from './agent.js';
import { lineOf, RosterWatchers } from './roster-watchers.js';
import type { Seats } from './seats.js';
import { rosterPath } from './store.js';

/** The longest question: a cookie, and a word. */
const QUESTION_BYTES = 512;
const ANSWER_WITHIN_MS = 5_000;

/**
 * Serves `MUSTER_SOCKET`, as `spec/roster-feed.ts` says: a program sends its `MUSTER_COOKIE` and a newline, and gets the roster file of its start as one
 * line of JSON; with ` watch` behind the cookie it gets every one that replaces it, too. The socket is made anew over a dead predecessor's. `close` ends all
 * connections without a last line: whoever follows asks the next agent.
 */
export function serveRosters(agent: Agent, seats: Pick<Seats, 'get'>): Promise<{ close(): void }> {
  if (existsSync(agent.socketPath)) rmSync(agent.socketPath);
  const watchers = new RosterWatchers(agent, seats);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let question = '';
    sockets.add(socket);
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    const take = (data: Buffer) => {
      question += data.toString('utf8');
      const end = question.indexOf('\n');
      if (end < 0 && question.length <= QUESTION_BYTES) return;
      socket.off('data', take);
      // Whoever closes is heard only as long as somebody reads.
      socket.resume();
      if (end < 0 || end > QUESTION_BYTES) socket.destroy();
      else answer(agent, watchers, socket, question.slice(0, end).trim());
    };
    socket.on('data', take);
  });
  server.unref();
  const close = () => {
    watchers.close();
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(agent.socketPath, () => resolve({ close }));
  });
}

function answer(agent: Agent, watchers: RosterWatchers, socket: Socket, question: string): void {
  const watches = question.endsWith(WATCH);
  const [runId = '', host, number = '', ...rest] = (watches ? question.slice(0, -WATCH.length) : question).split('/');
  const wellFormed = host === agent.host && rest.length === 0 && /^[0-9a-f-]{36}$/.test(runId) && /^\d{1,9}$/.test(number);
  const path = wellFormed ? rosterPath(agent.dataDir, runId, Number(number)) : undefined;
  if (path === undefined || !existsSync(path)) {
    socket.end(lineOf({ refused: 'UnknownCookie', message: `The agent of host ${agent.host} knows no node with this cookie` }));
  } else if (watches) watchers.add(socket, runId, Number(number));
  else socket.end(`${readFileSync(path, 'utf8')}\n`);
}
