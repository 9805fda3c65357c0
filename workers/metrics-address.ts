import { createServer } from 'node:net';

/** Where a process tells its metrics. */
export interface MetricsAddress {
  host: string;
  port: number;
}

/** Nobody can listen there. The message is one sentence. */
export class MetricsAddressUnusable extends Error {
  override readonly name = 'MetricsAddressUnusable';
}

/** Reads `127.0.0.1:9464`, `[::1]:9464`, `:9464` (all addresses). undefined: it is none of these. */
export function parseMetricsAddress(text: string): MetricsAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|(\d+\.\d+\.\d+\.\d+))?:(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? '0.0.0.0', port };
}

/** The SDK would end the process with a stack. Throws `MetricsAddressUnusable`. */
export async function requireFree({ host, port }: MetricsAddress): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'is in use' : code === 'EADDRNOTAVAIL' ? 'is no address of this machine' : `cannot be listened at (${code})`;
    throw new MetricsAddressUnusable(`--metrics: ${host}:${port} ${why}`);
  } finally {
    server.close();
  }
}
