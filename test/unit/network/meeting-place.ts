import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { type JoinTerms, joinMeeting } from '../../../activities/network/barrier.js';
import { type MeetingTerms, openPeerPort, type PeerPort, type PeerPortOptions } from '../../../activities/network/peer-port.js';
import { digestOf, encode, newNonce, PROTOCOL_VERSION, prove } from '../../../activities/network/protocol.js';
import type { UnreachablePair } from '../../../spec/nodes.js';

export const ROSTER = '127.0.0.2\n127.0.0.3\n127.0.0.4';

const openThings = new Set<() => void | Promise<void>>();

/** Closes what a test opened and fails if a socket or a server outlives that. */
export async function leaveNothingOpen(): Promise<void> {
  for (const close of openThings) await close();
  openThings.clear();
  await until(
    () => process.getActiveResourcesInfo().filter((kind) => /TCP/.test(kind)),
    (left) => left.length === 0,
  );
}

export async function openPort(options: Partial<PeerPortOptions> = {}): Promise<PeerPort> {
  const port = await openPeerPort({ address: '127.0.0.2', ...options });
  openThings.add(() => port.close());
  return port;
}

/** What rank 0 and the nodes of one generation of three agree on. */
export function agreed(changes: Partial<MeetingTerms> = {}): MeetingTerms {
  const rosterBytes = changes.rosterBytes ?? ROSTER;
  return {
    runId: 'run-a',
    generation: 1,
    digest: digestOf(rosterBytes),
    token: 'the-token-of-run-a-0123456789abcdef',
    nodes: 3,
    rosterBytes,
    deadlineAt: Date.now() + 20_000,
    ...changes,
  };
}

/** A node as a test sees it: `trail` tells what happened to it, in order. */
export interface TestNode {
  trail: string[];
  done: Promise<unknown>;
}

/** Joins as `rank`; `prepare` is what it does between the roster and being ready. */
export function join(
  at: { address: string; port: number },
  terms: MeetingTerms,
  rank: number,
  changes: Partial<JoinTerms> = {},
  prepare: () => Promise<unknown> = async () => undefined,
  up = async () => {},
): TestNode {
  const { runId, generation, digest, token, deadlineAt } = terms;
  const trail: string[] = [];
  const done = joinMeeting(
    { address: at.address, port: at.port, runId, generation, digest, token, rank, deadlineAt, ...changes },
    {
      onRoster: async (bytes) => {
        trail.push(`roster ${bytes}`);
        const unreachable = ((await prepare()) ?? []) as UnreachablePair[];
        trail.push('ready');
        return unreachable;
      },
      onGo: () => void trail.push('go'),
      onUp: async () => {
        await up();
        trail.push('up');
      },
    },
  );
  done.catch(() => {});
  return { trail, done };
}

/** A promise that a test opens by hand. */
export function gate(): { wait: () => Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { wait: () => opened, open };
}

/** Waits until what is read is as expected; fails with the last value seen. */
export async function until<T>(read: () => T, expected: (value: T) => boolean, limitMs = 5_000): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = read();
    if (expected(value)) return value;
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(value)} after ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A connection that says what a test wants it to say. */
export interface Raw {
  socket: Socket;
  heard: () => string;
  frames: () => { t: string; [key: string]: unknown }[];
  closed: () => boolean;
}

export async function dial(port: PeerPort): Promise<Raw> {
  const socket = createConnection(port.port, port.address);
  let heard = '';
  let closed = false;
  socket.on('data', (chunk) => {
    heard += chunk;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
  });
  openThings.add(() => void socket.destroy());
  await new Promise((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', resolve);
  });
  return {
    socket,
    heard: () => heard,
    frames: () =>
      heard
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    closed: () => closed,
  };
}

/** A connection that proved itself as `rank` and has the roster. */
export async function seated(port: PeerPort, { runId, generation, digest, token }: MeetingTerms, rank: number): Promise<Raw> {
  const claim = { runId, generation, digest, rank };
  const nonce = newNonce();
  const raw = await dial(port);
  raw.socket.write(encode({ muster: PROTOCOL_VERSION, t: 'hello', ...claim, nonce, mac: prove(token, 'hello', claim, nonce) }));
  const [challenge] = await until(raw.frames, (frames) => frames.length === 1);
  raw.socket.write(encode({ t: 'proof', proof: prove(token, 'joiner', claim, nonce, String(challenge?.['nonce'])) }));
  await until(raw.frames, (frames) => frames.length === 2);
  return raw;
}

/** A wire between a node and a port that hears everything, can change what the host says, and can be cut. */
export async function wiretap(port: PeerPort, change = (said: string) => said) {
  const tapped: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = createConnection(port.port, port.address);
    for (const [from, to, edit] of [
      [near, far, (said: string) => said],
      [far, near, change],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => {
        tapped.push(String(chunk));
        to.write(edit(String(chunk)));
      });
      from.on('error', () => {});
      from.on('close', () => to.destroy());
    }
  });
  await listen(server);
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  openThings.add(cut);
  return { address: '127.0.0.9', port: portOf(server), tapped, cut };
}

/** A server of the test's own; it is closed with the rest. */
export async function listen(server: Server): Promise<{ address: string; port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.9', resolve));
  openThings.add(() => void server.close());
  return { address: '127.0.0.9', port: portOf(server) };
}

function portOf(server: Server): number {
  const bound = server.address();
  return typeof bound === 'object' && bound ? bound.port : 0;
}
