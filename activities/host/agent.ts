import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Candidate } from '../../spec/candidates.js';
import type { GatheredHost } from '../../spec/nodes.js';
import type { PeerPort } from '../network/peer-port.js';
import type { Commands } from './commands.js';
import type { HostMetrics } from './host-metrics.js';
import type { RosterNews } from './roster-news.js';
import type { ServerClock } from './server-clock.js';

/** What every activity of one host stands on. */
export interface Agent {
  host: string;
  /** The random id in the data directory. */
  identity: string;
  fleet: string;
  dataDir: string;
  /** All addresses of this machine, read anew each time. */
  candidates(): Candidate[];
  told: GatheredHost['told'];
  gpus: number;
  version: string;
  client: Client;
  clock: ServerClock;
  peers: PeerPort;
  /** The most disk that one start's output takes; null: no limit. */
  outputCapBytes: number | null;
  /** The environment that programs start from. */
  baseEnv: Record<string, string>;
  bootId: string;
  pidNamespace: string;
  socketPath: string;
  /** Told of each roster file that is replaced, and each start that ends. */
  rosterNews: RosterNews;
  /** What people run beside the programs here. */
  commands: Commands;
  metrics: HostMetrics;
  /** Says its host and fleet on every line. */
  log: Logger;
}
