import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { Logger } from 'pino';
import { dial, lazyClient, ServerTooOld } from '../connection/dial.js';
import type { TemporalOptions } from '../connection/options.js';
import { createLogger } from './log.js';
import { installRuntime } from './runtime.js';

const AGAIN_AFTER_MS = 500;

/** An agent's two ways to Temporal: one for tasks, one for beats and signals. */
export interface Connections {
  client: Client;
  connection: NativeConnection;
  close(): Promise<void>;
}

/** Connections for several agents of one process. Throws `TemporalUnreachable`, `ServerTooOld`. */
export async function connectAgent(options: TemporalOptions, log = createLogger('muster-host')): Promise<Connections> {
  const client = lazyClient(options);
  const connection = await reach(options, log);
  return {
    ...{ client, connection },
    async close() {
      await Promise.all([connection.close(), client.connection.close()]);
    },
  };
}

/**
 * Connects for tasks. Where Temporal is away it tries again as long as `isUseful`: an agent that is started anew has its programs to look after
 * meanwhile. Throws `TemporalUnreachable`, `ServerTooOld`, and when the signal aborts.
 */
export async function reachTemporal(options: TemporalOptions, log: Logger, isUseful: () => boolean, signal?: AbortSignal): Promise<NativeConnection> {
  for (;;) {
    try {
      return await reach(options, log);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ServerTooOld || !isUseful()) throw error;
      log.warn({ event: 'temporal-away', error: String(error) }, 'this agent looks after the programs of its predecessor without Temporal; trying again');
    }
    await pause(AGAIN_AFTER_MS, undefined, signal ? { signal } : {});
  }
}

async function reach(options: TemporalOptions, log: Logger): Promise<NativeConnection> {
  await installRuntime(log);
  // It checks the version, and has a sentence for people.
  const probe = await dial(options);
  await probe.connection.close();
  const { namespace: _namespace, ...connectionOptions } = options;
  return NativeConnection.connect(connectionOptions as Parameters<typeof NativeConnection.connect>[0]);
}
