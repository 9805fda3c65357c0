import { Client, Connection, type ConnectionLike, type ConnectionOptions } from '@temporalio/client';
import { dataConverter } from './data-converter.js';
import { BadConnectionConfig, type TemporalOptions } from './options.js';

/** Standalone activities, which carry logs and questions to hosts, came with this server. */
export const MINIMUM_SERVER = '1.32.0';

const DIAL_LIMIT_MS = 5_000;
/** gRPC's number, also for an HTTP server that knows no such path. */
const UNIMPLEMENTED = 12;

/** grpc-js waits up to 19 s between attempts by default; a server that is back is met again at once. Measured. */
const RECONNECT = {
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 400,
  // A cut cable sends no reset. More often than every 10 s the server refuses.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
};

/** Temporal could not be reached. The message is a sentence for people; `cause` is what the connection said. */
export class TemporalUnreachable extends Error {
  override readonly name = 'TemporalUnreachable';
}

/** The server is older than `MINIMUM_SERVER`. */
export class ServerTooOld extends Error {
  override readonly name = 'ServerTooOld';
}

/** A client that dials by itself, again and again: what is asked of it fails as long as Temporal is not there. */
export function lazyClient(options: TemporalOptions): Client {
  return new Client({ connection: lazyConnection(options, DIAL_LIMIT_MS), namespace: options.namespace, dataConverter });
}

/**
 * Dials Temporal within `limitMs` and checks its version.
 * Throws `TemporalUnreachable`, `ServerTooOld`, and `BadConnectionConfig` for an address that is none.
 */
export async function dial(options: TemporalOptions, limitMs = DIAL_LIMIT_MS): Promise<Client> {
  const connection = lazyConnection(options, limitMs);
  try {
    await connection.ensureConnected();
  } catch (error) {
    await connection.close();
    throw new TemporalUnreachable(
      `Temporal cannot be reached at ${options.address} (${reason(error)}). Start it, or set TEMPORAL_ADDRESS; \`muster dev\` brings one of its own.`,
      { cause: error },
    );
  }
  try {
    await checkServer(connection, options.address);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return new Client({ connection, namespace: options.namespace, dataConverter });
}

/** Throws `ServerTooOld`, and `TemporalUnreachable` where something else answers; what else the connection throws as it is. */
export async function checkServer({ workflowService }: Pick<ConnectionLike, 'workflowService'>, address?: string): Promise<void> {
  const at = address === undefined ? '' : ` at ${address}`;
  const { serverVersion } = await workflowService.getSystemInfo({}).catch((error: unknown) => {
    if ((error as { code?: unknown } | null)?.code !== UNIMPLEMENTED) throw error;
    const where = address === undefined ? 'where Temporal was looked for' : `at ${address}`;
    throw new TemporalUnreachable(
      `Something that is not Temporal answers ${where} (${reason(error)}). Set TEMPORAL_ADDRESS to Temporal's gRPC port, 7233 by default.`,
      {
        cause: error,
      },
    );
  });
  if (!serverVersion || compareVersions(serverVersion, MINIMUM_SERVER) >= 0) return;
  throw new ServerTooOld(`The Temporal server${at} is ${serverVersion}; Muster needs ${MINIMUM_SERVER} or newer (CLI 1.9 or newer).`);
}

function lazyConnection({ namespace: _namespace, ...rest }: TemporalOptions, limitMs: number): Connection {
  try {
    return Connection.lazy({ ...rest, connectTimeout: limitMs, channelArgs: RECONNECT } as ConnectionOptions);
  } catch (error) {
    // The SDK reads the address with a stack.
    if (!(error instanceof TypeError)) throw error;
    throw new BadConnectionConfig(`The Temporal address ${rest.address} cannot be read: it is a host and a port such as temporal.example.org:7233`);
  }
}

function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/deadline|timed? ?out|failed to connect before/i.test(text)) return 'nobody answers';
  return text.split('\n')[0] ?? text;
}

/** Compares dotted versions by number; what follows a dash is left out. */
export function compareVersions(a: string, b: string): number {
  const numbers = (version: string) => (version.replace(/^v/, '').split('-')[0] ?? '').split('.').map(Number);
  const left = numbers(a);
  const right = numbers(b);
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
