/** One dynamic setting of the dev server, and why Muster does not leave it at the server's own value. */
export interface DynamicSetting {
  key: string;
  /** JSON. A duration is a string, as "10ms". */
  value: number | string;
  reason: string;
}

/**
 * What the dev server is started with beyond its defaults. A dev server is one process with one history shard, so limits that are meant
 * for one of 512 shards, or for one of many hosts, bind the whole of it. Keys and defaults: common/dynamicconfig/constants.go of server 1.32.
 */
export const DEV_SERVER_SETTINGS: readonly DynamicSetting[] = [
  {
    key: 'history.transferProcessorMaxPollRPS',
    value: 5_000,
    reason: 'a shard reads its transfer queue 20 times a second: every task, child start and signal waits for a 50 ms grid',
  },
  { key: 'history.timerProcessorMaxPollRPS', value: 5_000, reason: 'the same grid for timers, retries and timeouts' },
  {
    key: 'history.timerProcessorMaxTimeShift',
    value: '10ms',
    reason: 'the timer queue reads 1 s ahead, and a timer set within that second waits for its end: a sleep of 10 ms takes 1 s',
  },
  { key: 'history.outboundProcessorMaxPollRPS', value: 5_000, reason: 'the same grid for standalone activities and Nexus calls' },
  { key: 'history.visibilityProcessorMaxPollRPS', value: 1_000, reason: 'the same grid before a list shows a run' },

  {
    key: 'matching.numTaskqueueReadPartitions',
    value: 1,
    reason: 'four partitions cost three times the memory with a queue per host, and a poll may wait in the wrong one',
  },
  { key: 'matching.numTaskqueueWritePartitions', value: 1, reason: 'must be the number of read partitions' },

  {
    key: 'frontend.namespaceCount',
    value: 20_000,
    reason: '1,200 polls open at once in a namespace: 300 hosts with three workers each, and their queries, come close',
  },
  { key: 'frontend.namespaceRPS', value: 20_000, reason: '2,400 calls a second from all clients and workers of a namespace' },
  { key: 'frontend.rps', value: 20_000, reason: '2,400 calls a second, whatever the namespace' },
  { key: 'frontend.namespaceRPS.visibility', value: 1_000, reason: '100 lists and counts a second, which a live view and a test suite share' },
  { key: 'history.rps', value: 50_000, reason: '3,000 calls a second, several for every step of a node' },
  { key: 'matching.rps', value: 50_000, reason: '1,200 polls and tasks a second: 300 nodes started at once use them up' },

  { key: 'frontend.persistenceMaxQPS', value: 100_000, reason: '10,000 database calls a second; the database is in this process' },
  { key: 'history.persistenceMaxQPS', value: 100_000, reason: '45,000 likewise, of which the queue readers get three tenths' },
  { key: 'matching.persistenceMaxQPS', value: 100_000, reason: '3,000 likewise: every task that finds no poller waiting is written and read back' },
];

/**
 * What SQLite is told when the server keeps a file, as PRAGMA=VALUE. With a write-ahead log that is not synced at every commit, steps take a third
 * to a fifth of the time. Killing the server, by kill -9 too, loses nothing; a power cut may lose the last moments and leaves the file whole.
 */
export const SQLITE_PRAGMAS: readonly string[] = ['journal_mode=wal', 'synchronous=1'];

/** The settings as `temporal server start-dev` takes them. */
export function dynamicConfigArguments(settings: readonly DynamicSetting[]): string[] {
  return settings.flatMap(({ key, value }) => ['--dynamic-config-value', `${key}=${JSON.stringify(value)}`]);
}
