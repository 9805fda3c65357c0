import { loadClientConnectConfig } from '@temporalio/envconfig';

/** Where Temporal is, and how it is talked to. */
export interface TemporalOptions {
  /** `host:port` of its frontend. */
  address: string;
  namespace: string;
  /** As the Temporal SDK takes it: `true`, or certificates. */
  tls?: object | boolean;
  apiKey?: string;
  /** gRPC headers of every call. */
  metadata?: Record<string, string>;
}

/** What can go wrong before anything is dialled. */
export class BadConnectionConfig extends Error {
  override readonly name = 'BadConnectionConfig';
}

/**
 * Reads `TEMPORAL_*` and temporal.toml. An address given by `MUSTER_SERVER` (a dev stack names its own server so) wins
 * over both, and nothing else is read then.
 */
export function readTemporalOptions(env: NodeJS.ProcessEnv = process.env): TemporalOptions {
  const own = env['MUSTER_SERVER'];
  if (own) return { address: own, namespace: 'default' };
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig();
    const { address, tls, apiKey, metadata } = connectionOptions;
    return {
      address: address ?? '127.0.0.1:7233',
      namespace: namespace ?? 'default',
      ...(tls == null ? {} : { tls: tls as object }),
      ...(typeof apiKey === 'string' ? { apiKey } : {}),
      ...(metadata ? { metadata: metadata as Record<string, string> } : {}),
    };
  } catch (error) {
    throw new BadConnectionConfig(`The Temporal configuration cannot be read: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
