import { noopMetricMeter } from '@temporalio/common';
import type { PeerWord } from '../../spec/activities.js';
import { Metrics } from '../../spec/metrics.js';
import type { NodeEnd } from '../../spec/nodes.js';

/** What an agent counts. Its host and fleet are on all of it already. */
export class HostMetrics {
  #watched = 0;

  constructor(private readonly metrics: Metrics = new Metrics(noopMetricMeter)) {}

  started(): void {
    this.metrics.count('muster_programs_started');
  }

  ended(end: NodeEnd): void {
    this.metrics.count('muster_program_exits', { cause: causeOf(end) });
  }

  watch(): void {
    this.metrics.set('muster_peers_watched', ++this.#watched);
  }

  /** `outcome` is left out where nobody wanted to know any more. */
  unwatch(outcome?: PeerWord['kind']): void {
    this.metrics.set('muster_peers_watched', --this.#watched);
    if (outcome) this.metrics.count('muster_peer_watches', { outcome });
  }

  nodes(states: Record<'preparing' | 'running' | 'ending', number>): void {
    for (const [state, count] of Object.entries(states)) this.metrics.set('muster_nodes', count, { state });
    this.metrics.set('muster_peers_watched', this.#watched);
  }

  disk({ freeBytes, totalBytes }: { freeBytes: number; totalBytes: number }): void {
    this.metrics.set('muster_data_free_bytes', freeBytes);
    this.metrics.set('muster_data_size_bytes', totalBytes);
  }
}

/** As the run would name it. */
export function causeOf(end: NodeEnd): string {
  if (end.kind === 'failed') return end.failure.type;
  if (end.stopped) return 'Stopped';
  if (end.code === 0) return 'Succeeded';
  return end.outOfMemory ? 'OutOfMemory' : 'CommandFailed';
}
