import { DefaultLogger, type LogEntry, type MetricsExporterConfig, Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import { BUCKETS_SECONDS, METRICS, Metrics } from '../spec/metrics.js';
import { type MetricsAddress, requireFree } from './metrics-address.js';

let installed = false;

export interface RuntimeSettings {
  /** Where Prometheus finds the metrics of this process; without it there are none. */
  metrics?: MetricsAddress;
  /** On every metric, the SDK's too. */
  tags?: Record<string, string>;
}

/**
 * Sets up the SDK's runtime once a process: our logger, our signals, our metrics, no worker heartbeats (nothing reads them). Later calls change nothing.
 * Throws `MetricsAddressUnusable`.
 */
export async function installRuntime(log: Logger, { metrics, tags = {} }: RuntimeSettings = {}): Promise<void> {
  if (installed) return;
  if (metrics) await requireFree(metrics);
  if (installed) return;
  installed = true;
  // The SDK warns of what is no news here: a host without workflows, a run that failed as it should. Who asks for more hears more.
  const level = { trace: 'DEBUG', debug: 'INFO' }[log.level as string] ?? 'ERROR';
  Runtime.install({
    logger: new DefaultLogger('TRACE', (entry) => forward(log, entry, level)),
    telemetryOptions: {
      logging: { filter: { core: level as 'ERROR', other: 'ERROR' }, forward: {} },
      ...(metrics ? { metrics: exporter(metrics, tags) } : {}),
    },
    shutdownSignals: [],
    workerHeartbeatInterval: 0,
  });
}

/** This process's own metrics; they go nowhere where the runtime was installed without an address for them. */
export function processMetrics(): Metrics {
  return new Metrics(Runtime.instance().metricMeter);
}

const RANK: Record<string, number> = { TRACE: 0, DEBUG: 1, INFO: 2, WARN: 3, ERROR: 4 };
const METHOD = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** What our workflows say is ours, at any level; of the SDK's own words only those from `level` on. One line each, with its fields. */
function forward(log: Logger, { level: of, message, meta = {} }: LogEntry, level: string): void {
  const { sdkComponent, event, ...fields } = meta as Record<string, unknown>;
  const isOurs = sdkComponent === 'workflow' && event !== undefined;
  if (!isOurs && (RANK[of] ?? 0) < (RANK[level] ?? 0)) return;
  const { workflowId: _id, namespace: _namespace, taskQueue: _queue, workflowType: _type, ...own } = fields;
  if (isOurs) log[METHOD[of]]({ event, ...own }, message);
  else log[METHOD[of]]({ event: 'temporal-sdk', component: sdkComponent, ...fields }, message);
}

/** As Prometheus wants names and units: `_total`, seconds. */
function exporter({ host, port }: MetricsAddress, globalTags: Record<string, string>): MetricsExporterConfig {
  const names = Object.entries(METRICS).flatMap(([name, { kind }]) => (kind === 'histogram' ? [name] : []));
  const histogramBucketOverrides = Object.fromEntries(names.map((name) => [name, BUCKETS_SECONDS]));
  const bindAddress = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return {
    globalTags,
    attachServiceName: false,
    prometheus: { bindAddress, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true, histogramBucketOverrides },
  };
}
