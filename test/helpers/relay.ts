import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Namespaces } from './namespaces.js';

/** A way from the machine's own network into a namespace, that changes nothing of the machine's own network. */
export interface Relay {
  /** `127.0.0.1:PORT`, here. */
  address: string;
  pid: number;
  stop(): Promise<void>;
}

// A socket stays in the network that it was made in, whoever holds it: the relay gets a listener of ours, and dials in its own namespace.
// It ends with the channel that the listener came over, however this process ends.
const RELAY = `
const { connect } = require('node:net');
process.on('disconnect', () => process.exit(0));
process.on('message', (port, server) => server.on('connection', (near) => {
  const far = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  near.allowHalfOpen = true;
  near.pipe(far).pipe(near);
  for (const [one, other] of [[near, far], [far, near]]) one.on('error', () => {}).on('close', () => other.destroy());
}));
`;

/** Connections to the relay's address reach `port` of the namespace's own 127.0.0.1. */
export async function startRelay(namespaces: Namespaces, station: string, port: number): Promise<Relay> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the listener has no port');
  const child = namespaces.spawn(station, [process.execPath, '-e', RELAY], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const gone = once(child, 'exit');
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.send(port, server, {}, (error) => (error ? reject(error) : resolve()));
  });
  server.close();
  return {
    address: `127.0.0.1:${address.port}`,
    pid: child.pid ?? 0,
    async stop() {
      if (child.connected) child.disconnect();
      await gone;
    },
  };
}
