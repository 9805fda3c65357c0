import { createServer } from 'node:net';

/** A port that was asked for is somebody else's. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';

  constructor(
    readonly port: number,
    ip: string,
    option: string,
  ) {
    super(`Port ${port} on ${ip} is in use; stop what listens there or pass ${option}`);
  }
}

// Below the ports that Linux and macOS hand out by themselves, so that neither an outgoing connection nor one of the server's own random
// ports takes it before the server does.
const FIRST_PORT = 20_000;
const PORT_COUNT = 10_000;
const TRIES = 100;

export async function requirePort(port: number, ip: string, option: string): Promise<number> {
  if (await isFree(port, ip)) return port;
  throw new PortTaken(port, ip, option);
}

export async function freePort(ip: string, except: readonly number[] = []): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
    if (!except.includes(port) && (await isFree(port, ip))) return port;
  }
  throw new Error(`None of ${TRIES} ports tried on ${ip} is free`);
}

function isFree(port: number, ip: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen({ port, host: ip, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
