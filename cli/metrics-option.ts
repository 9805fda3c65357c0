import { type MetricsAddress, parseMetricsAddress } from '../workers/metrics-address.js';
import { UsageError } from './exit.js';

/** The option of those verbs that run a worker. */
export const METRICS = {
  flags: '--metrics <address:port>',
  description: 'serve metrics for Prometheus there, at /metrics, such as 127.0.0.1:9464 (default: off)',
};

/** Throws `UsageError`. */
export function readMetricsAddress(text: string): MetricsAddress {
  const address = parseMetricsAddress(text);
  if (address) return address;
  throw new UsageError(`--metrics takes an address and a port such as 127.0.0.1:9464, [::1]:9464, or :9464 for all addresses, not ${JSON.stringify(text)}`);
}
