import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import type { HostStatus, Muster } from '../../client/index.js';
import { EXIT, verdictOf } from '../exit.js';
import { print, printJson, say } from '../print.js';
import { silentHosts } from '../silent-hosts.js';
import { table } from '../table.js';
import { printable } from '../terminal/text.js';
import { hostCells } from '../views/hosts-view.js';
import { withMuster } from '../with-muster.js';

interface Options {
  fleet: string;
  watch?: true;
  json?: true;
}

/** The fleet is asked so often; each time costs a look of a control worker for so many hosts, and a large fleet is asked more rarely. */
const LOOK_EVERY_MS = 1_000;
const HOSTS_A_LOOK = 500;
/** The runs that have hosts are asked more rarely of which they hear nothing: each answers with all that it knows. */
const ASK_RUNS_EVERY_MS = 5_000;

export function hosts(): Command {
  return new Command('hosts')
    .description('list the hosts of a fleet')
    .option('--fleet <fleet>', 'which fleet', 'default')
    .option('-w, --watch', 'go on until Ctrl-C: a live view on a terminal, else a line for each change')
    .option('--json', 'one JSON object a line')
    .action((options: Options) => withMuster((muster) => (options.watch ? watch(muster, options) : list(muster, options))));
}

async function list(muster: Muster, { fleet, json }: Options): Promise<void> {
  const known = await muster.hosts(fleet);
  if (json) known.forEach(printJson);
  else if (known.length === 0) say(`The fleet ${fleet} has no hosts; \`muster host\` makes this machine one`);
  else {
    const silent = await silentHosts(muster, known);
    for (const line of table(
      ['HOST', 'ADDRESS', 'STATE', 'RUN', 'CPUS', 'MEMORY', 'GPUS', 'LABELS'],
      known.map((host) => hostCells(host, silent)),
    ))
      print(line);
    for (const { host, problem } of known) if (problem !== '') say(printable(`${host} is not used: ${problem}`));
  }
}

async function watch(muster: Muster, options: Options): Promise<never> {
  const show = await viewOf(options);
  let silent: ReadonlySet<string> = new Set();
  let askedAtMs = Number.NEGATIVE_INFINITY;
  for (let looks = 1; ; await pause(LOOK_EVERY_MS * looks)) {
    try {
      const hosts = await muster.hosts(options.fleet);
      looks = Math.max(1, Math.ceil(hosts.length / HOSTS_A_LOOK));
      if (!options.json && performance.now() - askedAtMs > ASK_RUNS_EVERY_MS) {
        silent = await silentHosts(muster, hosts);
        askedAtMs = performance.now();
      }
      show.take(hosts, silent);
    } catch (error) {
      const { code, message } = verdictOf(error);
      if (code !== EXIT.unreachable) throw error;
      show.trouble(message);
    }
  }
}

interface Show {
  take(hosts: HostStatus[], silent: ReadonlySet<string>): void;
  trouble(message: string): void;
}

async function viewOf({ fleet, json }: Options): Promise<Show> {
  const { canLive } = await import('../terminal/live.js');
  if (!json && canLive(process.stdout)) {
    const [{ LiveHosts }, { leaveOnSignals }] = await Promise.all([import('../views/live-hosts.js'), import('../watching.js')]);
    const view = new LiveHosts(fleet, process.stdout);
    leaveOnSignals(() => view.live.stop('keep'));
    view.live.start();
    return view;
  }
  const { PlainHosts } = await import('../views/plain.js');
  return new PlainHosts(json === true);
}
