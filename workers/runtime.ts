import { DefaultLogger, Runtime } from '@temporalio/worker';
import pino, { type Logger } from 'pino';

/** One logger a process: JSON lines on stderr, or at level `silent` nothing. */
export function createLogger(name: string, level = process.env['MUSTER_LOG'] ?? 'warn'): Logger {
  return pino({ name, level }, pino.destination({ fd: 2, sync: true }));
}

let installed = false;

/** Sets up the SDK's runtime once a process: our logger, our signals, no worker heartbeats (nothing reads them). */
export function installRuntime(log: Logger): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    // The SDK warns of what is no news here: a host without workflows, a run that failed as it should.
    logger: new DefaultLogger('ERROR', ({ message, meta }) => log.error({ ...meta }, message)),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
    shutdownSignals: [],
    workerHeartbeatInterval: 0,
  });
}
