import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

/** A port that nobody else can take. */
export interface HeldPort {
  port: number;
  /** Synchronous: the port can be bound as soon as this returns. */
  release(): void;
}

const LOWEST = 10_000;
/** The kernel's default, where it does not say: from here on it hands out ports of its own choice. */
const EPHEMERAL_FROM = 32_768;
const TRIES = 50;

/**
 * Takes a TCP port that is free on every address of this machine, or this very one, and holds it. It is below the range from which the
 * kernel takes ports for outgoing connections, so that none takes it between the release and the bind. Undefined where there is none.
 */
export async function holdPort(wanted?: number): Promise<HeldPort | undefined> {
  const limit = ephemeralFrom();
  for (let tries = wanted === undefined ? TRIES : 1; tries > 0; tries--) {
    const port = wanted ?? LOWEST + Math.floor(Math.random() * (limit - LOWEST));
    const server = (await listen(port, '::')) ?? (await listen(port, '0.0.0.0'));
    if (server) return { port, release: () => void server.close() };
  }
  return undefined;
}

function listen(port: number, host: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => resolve(server.unref()));
  });
}

function ephemeralFrom(): number {
  try {
    const from = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0]);
    return from > LOWEST + 1_000 ? from : EPHEMERAL_FROM;
  } catch {
    return EPHEMERAL_FROM;
  }
}
