/** One metric of Muster's own. Labels have few values each: never a run, and a host only where it is the one that is asked. */
export interface MetricEntry {
  kind: 'counter' | 'gauge' | 'histogram';
  /** Ends the name that Prometheus knows, of a histogram. */
  unit: '' | 'seconds';
  labels: readonly string[];
  /** Who has it: control workers, or the agents. */
  from: 'control' | 'host';
  help: string;
}

/** All of them. A counter's name ends in `_total` for Prometheus, that of a histogram in its unit. */
export const METRICS = {
  muster_runs: {
    ...{ kind: 'gauge', unit: '', labels: ['phase'], from: 'control' },
    help: 'Runs that go on now in the namespace, by phase; every control worker counts all of them. Phase `unknown`: of those that began before the search attribute MusterPhase was registered',
  },
  muster_runs_started: { kind: 'counter', unit: '', labels: ['fleet'], from: 'control', help: 'Runs that were submitted' },
  muster_runs_ended: {
    ...{ kind: 'counter', unit: '', labels: ['fleet', 'phase', 'reason'], from: 'control' },
    help: 'Runs that have ended, by their last phase and its reason: a failure type, or `Succeeded`, `Stopped`, `Cancelled`',
  },
  muster_generations_sealed: {
    ...{ kind: 'counter', unit: '', labels: ['fleet', 'reason'], from: 'control' },
    help: 'Lists of nodes that were sealed, by what for: `first`, `restart`, `rescale`, `replaced`',
  },
  muster_queue: { kind: 'histogram', unit: 'seconds', labels: ['fleet'], from: 'control', help: 'From the submission of a run until it has its hosts' },
  muster_gather: {
    kind: 'histogram',
    unit: 'seconds',
    labels: ['fleet'],
    from: 'control',
    help: 'From having hosts until all have told their addresses and are prepared',
  },
  muster_barrier: {
    kind: 'histogram',
    unit: 'seconds',
    labels: ['fleet'],
    from: 'control',
    help: 'From the seal of a list until all its nodes were released together',
  },
  muster_failures: {
    ...{ kind: 'counter', unit: '', labels: ['fleet', 'reason'], from: 'control' },
    help: 'What went wrong with nodes, by failure type, whether it was made up for or not',
  },
  muster_hosts_lost: { kind: 'counter', unit: '', labels: ['fleet'], from: 'control', help: 'Hosts that runs have lost' },
  muster_restarts: {
    ...{ kind: 'counter', unit: '', labels: ['fleet', 'scope', 'reason'], from: 'control' },
    help: 'Restarts, by how much starts again (`all`, `node`) and the failure type that is the cause',
  },
  muster_rescales: {
    ...{ kind: 'counter', unit: '', labels: ['fleet', 'outcome'], from: 'control' },
    help: 'Wishes for another number of nodes: `done`, `refused`, `superseded`',
  },
  muster_hosts: {
    ...{ kind: 'gauge', unit: '', labels: ['fleet', 'state'], from: 'control' },
    help: 'Hosts of the fleet, by state as in `muster hosts`; every control worker counts all of them',
  },
  muster_requests_waiting: {
    ...{ kind: 'gauge', unit: '', labels: ['fleet'], from: 'control' },
    help: 'Requests for hosts that wait in the fleet; every control worker counts all of them',
  },
  muster_nodes: {
    kind: 'gauge',
    unit: '',
    labels: ['fleet', 'host', 'state'],
    from: 'host',
    help: 'Nodes on this host: `preparing` before the release, `running`, `ending`',
  },
  muster_programs_started: { kind: 'counter', unit: '', labels: ['fleet', 'host'], from: 'host', help: 'Programs that were released' },
  muster_program_exits: {
    ...{ kind: 'counter', unit: '', labels: ['fleet', 'host', 'cause'], from: 'host' },
    help: 'Nodes that have ended: `Succeeded`, `Stopped` by the run, or a failure type',
  },
  muster_peers_watched: { kind: 'gauge', unit: '', labels: ['fleet', 'host'], from: 'host', help: 'Silent nodes elsewhere that this agent looks for just now' },
  muster_peer_watches: {
    ...{ kind: 'counter', unit: '', labels: ['fleet', 'host', 'outcome'], from: 'host' },
    help: 'Looks for silent nodes that came to a word: `ended`, `unreachable`, `unknown`',
  },
  muster_data_free_bytes: { kind: 'gauge', unit: '', labels: ['fleet', 'host'], from: 'host', help: 'Room on the file system of the data directory' },
  muster_data_size_bytes: { kind: 'gauge', unit: '', labels: ['fleet', 'host'], from: 'host', help: 'Size of that file system' },
} as const satisfies Record<string, MetricEntry>;

export type MetricName = keyof typeof METRICS;
type Of<Kind extends MetricEntry['kind']> = { [Name in MetricName]: (typeof METRICS)[Name]['kind'] extends Kind ? Name : never }[MetricName];
export type CounterName = Of<'counter'>;
export type GaugeName = Of<'gauge'>;
export type HistogramName = Of<'histogram'>;

/** As Prometheus knows it. */
export function prometheusName(name: MetricName): string {
  const { kind, unit }: MetricEntry = METRICS[name];
  return `${name}${unit === '' ? '' : `_${unit}`}${kind === 'counter' ? '_total' : ''}`;
}

/** Of the histograms, in seconds: a start takes a tenth of one, a queue an hour. */
export const BUCKETS_SECONDS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1_800, 7_200];

/** What Temporal's SDK and we ask of a meter alike. */
interface Meter {
  createCounter(name: string, unit?: string, description?: string): { add(value: number, tags?: Record<string, string>): void };
  createGauge(name: string, type?: 'int' | 'float', unit?: string, description?: string): { set(value: number, tags?: Record<string, string>): void };
  createHistogram(name: string, type?: 'int' | 'float', unit?: string, description?: string): { record(value: number, tags?: Record<string, string>): void };
}

/** Our metrics on one of the SDK's meters: a workflow's, which counts nothing while it replays, or a process's. */
export class Metrics {
  constructor(private readonly meter: Meter) {}

  count(name: CounterName, labels: Record<string, string> = {}, by = 1): void {
    const { unit, help } = METRICS[name];
    this.meter.createCounter(name, unit, help).add(by, labels);
  }

  set(name: GaugeName, value: number, labels: Record<string, string> = {}): void {
    const { unit, help } = METRICS[name];
    this.meter.createGauge(name, 'int', unit, help).set(Math.max(0, Math.round(value)), labels);
  }

  /** In seconds. */
  record(name: HistogramName, ms: number, labels: Record<string, string> = {}): void {
    const { unit, help } = METRICS[name];
    this.meter.createHistogram(name, 'float', unit, help).record(Math.max(0, ms) / 1_000, labels);
  }
}
