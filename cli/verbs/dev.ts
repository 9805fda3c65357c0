import { Command } from 'commander';
import { counted } from '../../spec/words.js';
import type { DevStack } from '../../workers/dev-stack.js';
import { EXIT, Exit } from '../exit.js';
import { onlyOnLinux } from '../linux.js';
import { wholeNumber } from '../numbers.js';
import { userPath } from '../paths.js';
import { print, say } from '../print.js';
import { table } from '../table.js';

interface Options {
  hosts: number;
  port: number;
  uiPort?: number;
  data?: string;
}

const DEFAULT_HOSTS = 3;
const DEFAULT_PORT = 7_233;
const UI_PORT_ABOVE = 1_000;

export function dev(): Command {
  return new Command('dev')
    .description('a Temporal, a control worker and hosts on this machine, until Ctrl-C')
    .option('--hosts <count>', 'how many hosts', wholeNumber('--hosts', 1, 500), DEFAULT_HOSTS)
    .option('--port <port>', "Temporal's port", wholeNumber('--port', 1, 65_535), DEFAULT_PORT)
    .option('--ui-port <port>', `the Web UI's port (default: ${UI_PORT_ABOVE} above --port)`, wholeNumber('--ui-port', 1, 65_535))
    .option('--data <directory>', 'keep what Temporal and the hosts know (default: in memory)')
    .action((options: Options) => act(options));
}

async function act({ hosts, port, uiPort = port + UI_PORT_ABOVE, data }: Options): Promise<void> {
  onlyOnLinux('muster dev');
  const { startDevStack } = await import('../../workers/dev-stack.js');
  const interrupted = new AbortController();
  let code: number | undefined;
  const interrupt = (signal: 'SIGINT' | 'SIGTERM') => {
    if (code !== undefined) process.exit(EXIT[signal]);
    code = EXIT[signal];
    interrupted.abort(new Exit(code));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const kept = data === undefined ? { inMemory: true } : { inMemory: false, dataDir: userPath(data) };
  say(`starting a Temporal, a control worker and ${counted(hosts, 'host')}`);
  const stack = await startDevStack({ hosts, port, uiPort, say, signal: interrupted.signal, ...kept });
  introduce(stack, data);
  if (!interrupted.signal.aborted) await new Promise((resolve) => interrupted.signal.addEventListener('abort', resolve, { once: true }));
  say('ending everything');
  await stack.stop();
  throw new Exit(code ?? EXIT.succeeded);
}

function introduce(stack: DevStack, data: string | undefined): void {
  print(`Web UI:   ${stack.uiUrl}`);
  print(`Temporal: ${stack.address}${data === undefined ? ', in memory: what it knows ends with this command (--data keeps it)' : `, kept in ${data}`}`);
  for (const line of table(
    ['PROCESS', 'ADDRESS', 'PID'],
    [
      ['Temporal', stack.address, String(stack.pids.temporal)],
      ['control worker', '', String(stack.pids.control)],
      ...stack.hosts.map(({ name, address, pid }) => [name, address, String(pid)]),
    ],
  ))
    print(line);
  const where = stack.address === `127.0.0.1:${DEFAULT_PORT}` ? '' : `TEMPORAL_ADDRESS=${stack.address} `;
  print(`Submit from another terminal: ${where}muster run -n ${stack.hosts.length} -- 'echo $DSTACK_NODES_IPS'`);
  print('Ctrl-C ends everything.');
}
