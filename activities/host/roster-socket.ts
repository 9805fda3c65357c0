import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Agent } from './agent.js';
import { startDir } from './store.js';

/** The longest question: a cookie. */
const QUESTION_BYTES = 512;
const ANSWER_WITHIN_MS = 5_000;

/**
 * Serves `MUSTER_SOCKET`: a program sends its `MUSTER_COOKIE` and a newline, and gets the roster file of its start as one line of
 * JSON; an unknown cookie gets nothing. The socket is made anew over a dead predecessor's.
 */
export function serveRosters(agent: Agent): Promise<Server> {
  if (existsSync(agent.socketPath)) rmSync(agent.socketPath);
  const server = createServer((socket) => {
    let question = '';
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      question += data.toString('utf8');
      if (question.length > QUESTION_BYTES) socket.destroy();
      else if (question.includes('\n')) socket.end(answer(agent, question.trim()));
    });
  });
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(agent.socketPath, () => resolve(server));
  });
}

function answer(agent: Agent, cookie: string): string {
  const [runId, host, startNumber, ...rest] = cookie.split('/');
  if (host !== agent.host || rest.length > 0 || !/^[0-9a-f-]{36}$/.test(runId ?? '') || !/^\d+$/.test(startNumber ?? '')) return '';
  const path = join(startDir(agent.dataDir, runId ?? '', Number(startNumber)), 'roster.json');
  return existsSync(path) ? `${readFileSync(path, 'utf8')}\n` : '';
}
