import { rm } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Command, Option } from 'commander';
import { readTemporalOptions } from '../../connection/options.js';
import { labelProblem } from '../../spec/task/labels.js';
import type { AgentSettings } from '../../workers/agent.js';
import type { MetricsAddress } from '../../workers/metrics-address.js';
import { parseDuration } from '../duration.js';
import { UsageError } from '../exit.js';
import { onlyOnLinux } from '../linux.js';
import { METRICS, readMetricsAddress } from '../metrics-option.js';
import { gathered, wholeNumber } from '../numbers.js';
import { userPath } from '../paths.js';
import { say } from '../print.js';
import { untilAskedToEnd, untilServed, within } from '../worker-life.js';

interface Options {
  name: string;
  label?: string[];
  network?: string;
  interface?: string;
  address?: string;
  port?: number;
  data?: string;
  fleet: string;
  keep: string;
  outputCap: string;
  drain?: true;
  metrics?: MetricsAddress;
  devStack?: true;
  keepData?: true;
}

/** A dev stack's parent is gone: what has not ended by then is ended by its janitor. */
const DEV_STOP_LIMIT_MS = 2_500;

export function host(): Command {
  return new Command('host')
    .description('make this machine a host: its agent (SIGTERM hands over; programs live on for the next agent)')
    .option('--name <name>', "the host's id", hostname())
    .option('--label <key=value>', 'a label (repeatable)', gathered)
    .option('--network <cidr>', 'the network that its address is taken from')
    .option('--interface <name>', 'the interface that its address is taken from')
    .option('--address <ip>', 'its address')
    .option('--port <port>', 'the port for other agents (default: any free one)', wholeNumber('--port', 1, 65_535))
    .option('--data <directory>', 'its data directory (default: /var/lib/muster, or ~/.local/share/muster when not root)')
    .option('--fleet <fleet>', 'which fleet', 'default')
    .option('--keep <duration>', 'how long closed runs and unused files are kept on its disk, or `off`', '7d')
    .option('--output-cap <size>', "the most disk that one node's output takes, or `off`: the first MiB and the newest part stay", '256MB')
    .option('--drain', 'at SIGTERM: take no further run, and leave when the nodes here have ended; a second SIGTERM hands them over')
    .option(METRICS.flags, METRICS.description, readMetricsAddress)
    .addOption(new Option('--dev-stack').hideHelp())
    .addOption(new Option('--keep-data').hideHelp())
    .action((options: Options) => act(options));
}

async function act(options: Options): Promise<void> {
  onlyOnLinux('muster host');
  // An agent is idle nearly always: with a small nursery for new objects, set before the SDK is loaded, it takes a fifth less memory.
  setFlagsFromString('--max-semi-space-size=2');
  setFlagsFromString('--semi-space-growth-factor=1');
  const { devStack = false, fleet } = options;
  const dataDir = userPath(options.data ?? defaultDataDir());
  const settings = settingsOf(options, dataDir);
  const asked = untilAskedToEnd(devStack);
  if (devStack) void asked.then((who) => who === 'parent' && setTimeout(() => process.exit(0), DEV_STOP_LIMIT_MS + 500).unref());
  const temporal = readTemporalOptions();
  const { startAgent } = await import('../../workers/agent.js');
  if (devStack) await untilServed(temporal.address);
  const over = new AbortController();
  void asked.then(() => over.abort());
  const agent = await startAgent(temporal, settings, { signal: over.signal }).catch((error: unknown) => {
    // Asked to end while Temporal was away: the programs live on.
    if (!over.signal.aborted) throw error;
  });
  if (agent === undefined) return;
  say(`host ${agent.host} ready at ${agent.address} (fleet ${fleet})`);
  const who = await Promise.race([asked, agent.done.then(() => 'broken' as const)]);
  if (who === 'signal' && options.drain) {
    say(`host ${agent.host} takes no further run, and leaves when its nodes have ended`);
    await Promise.race([agent.drain(), untilAskedToEnd(false), agent.done]);
  }
  if (who !== 'parent') return agent.stop();
  await within(DEV_STOP_LIMIT_MS, agent.kill());
  if (!options.keepData) await rm(dataDir, { recursive: true, force: true });
}

function settingsOf(
  { name, label = [], network, interface: nic, address, port, fleet, keep, outputCap, metrics, devStack }: Options,
  dataDir: string,
): AgentSettings {
  const wished = Object.entries({ network, interface: nic, address, port }).filter(([, value]) => value !== undefined);
  const keepMs = keep === 'off' ? null : parseDuration(keep);
  return {
    host: name,
    fleet,
    dataDir,
    keepMs,
    outputCapBytes: readCap(outputCap),
    labels: Object.fromEntries(label.map(readLabel)),
    logLevel: devStack ? 'warn' : 'info',
    ...(metrics ? { metrics } : {}),
    ...Object.fromEntries(wished),
  };
}

/** At least 8 MB, so that the head and a useful part of the newest stay. */
function readCap(text: string): number | null {
  if (text === 'off') return null;
  const match = /^(\d{1,6})(MB|GB)$/i.exec(text);
  const bytes = Number(match?.[1]) * (match?.[2]?.toUpperCase() === 'GB' ? 2 ** 30 : 2 ** 20);
  if (!(bytes >= 8 * 2 ** 20)) throw new UsageError(`--output-cap takes a size from 8MB on, such as 256MB or 1GB, or off, not ${JSON.stringify(text)}`);
  return bytes;
}

function readLabel(label: string): [string, string] {
  const at = label.indexOf('=');
  if (at < 1) throw new UsageError(`--label takes key=value, not ${JSON.stringify(label)}`);
  const [name, value] = [label.slice(0, at), label.slice(at + 1)];
  const problem = labelProblem(name, value);
  if (problem !== undefined) throw new UsageError(`--label: ${problem}`);
  return [name, value];
}

function defaultDataDir(): string {
  return process.getuid?.() === 0 ? '/var/lib/muster' : join(homedir(), '.local', 'share', 'muster');
}
