import { Command } from 'commander';
import type { RosterFile } from '../../spec/roster-feed.js';
import { formatDuration, parseDuration } from '../duration.js';
import { UsageError } from '../exit.js';
import { wholeNumber } from '../numbers.js';
import { print, printJson } from '../print.js';
import { followRosters, readRoster } from '../roster-feed.js';

interface Options {
  watch?: true;
  wait?: number;
  timeout?: number;
  patience: string;
  json?: true;
}

// A longer one would fire at once; it is 24 days.
const LONGEST_TIMER_MS = 2 ** 31 - 1;

class WaitTimedOut extends Error {
  override readonly name = 'WaitTimedOut';
}

class StartEnded extends Error {
  override readonly name = 'StartEnded';
}

/** It runs inside jobs, next to programs that wait for it: it loads no more than it needs. */
export function nodes(): Command {
  return new Command('nodes')
    .description('inside a job: the current list of addresses, in rank order, as the agent of this host has it; needs no Temporal')
    .option('-w, --watch', 'print the list, and each new one as it comes: a line `GENERATION ADDRESS ADDRESS …`; ends with the start of this node')
    .option('--wait <count>', 'wait until at least so many nodes are in', wholeNumber('--wait', 1, 2_000))
    .option('-t, --timeout <duration>', 'with --wait: at most so long, as 30s or 5m; then exit code 4', parseDuration)
    .option('--patience <duration>', 'how long the agent may be away, as in an upgrade; then exit code 3', '5m')
    .option('--json', 'the roster file as one JSON object a line')
    .action((options: Options) => act(options));
}

async function act({ watch, wait, timeout, patience, json }: Options): Promise<void> {
  if (watch && wait !== undefined) throw new UsageError('--watch and --wait cannot go together');
  if (timeout !== undefined && wait === undefined) throw new UsageError('--timeout goes with --wait');
  const { MUSTER_SOCKET: socketPath, MUSTER_COOKIE: cookie } = process.env;
  if (!socketPath || !cookie) throw new UsageError('`muster nodes` works inside a job only: MUSTER_SOCKET and MUSTER_COOKIE, which each node has, are not set');
  const feed = { socketPath, cookie, patienceMs: parseDuration(patience) };
  if (watch) {
    for await (const roster of followRosters(feed)) {
      if (json) printJson(roster);
      else print([roster.generation, ...addresses(roster)].join(' '));
    }
    return;
  }
  const roster = wait === undefined ? await readRoster(feed) : await untilIn(wait, timeout, feed);
  if (json) printJson(roster);
  else for (const address of addresses(roster)) print(address);
}

/** The first roster with so many nodes. */
async function untilIn(count: number, timeoutMs: number | undefined, feed: { socketPath: string; cookie: string; patienceMs: number }): Promise<RosterFile> {
  let last: RosterFile | undefined;
  const seen = () => (last === undefined ? 'its agent has not answered' : `${last.nodes.length} of ${count} nodes are in, in generation ${last.generation}`);
  const signal = timeoutMs === undefined ? undefined : AbortSignal.timeout(Math.min(timeoutMs, LONGEST_TIMER_MS));
  try {
    for await (const roster of followRosters({ ...feed, ...(signal ? { signal } : {}) })) {
      last = roster;
      if (roster.nodes.length >= count) return roster;
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new WaitTimedOut(`Timed out after ${formatDuration(timeoutMs ?? 0)}: ${seen()}`);
  }
  throw new StartEnded(`The start of this node has ended: ${seen()}`);
}

function addresses({ nodes }: RosterFile): string[] {
  return nodes.map(({ address }) => address);
}
