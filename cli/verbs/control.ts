import { Command, Option } from 'commander';
import { readTemporalOptions } from '../../connection/options.js';
import type { MetricsAddress } from '../../workers/metrics-address.js';
import { EXIT } from '../exit.js';
import { METRICS, readMetricsAddress } from '../metrics-option.js';
import { say } from '../print.js';
import { untilAskedToEnd, untilServed } from '../worker-life.js';

export function control(): Command {
  return new Command('control')
    .description('a control worker: it decides, and hosts do (run several to outlive one)')
    .option('--fleet <fleet>', 'which fleet', 'default')
    .option(METRICS.flags, METRICS.description, readMetricsAddress)
    .addOption(new Option('--dev-stack').hideHelp())
    .action((options: Options) => act(options));
}

interface Options {
  fleet: string;
  metrics?: MetricsAddress;
  devStack?: boolean;
}

async function act({ fleet, metrics, devStack = false }: Options): Promise<void> {
  const asked = untilAskedToEnd(devStack);
  // A dev stack ends as a whole: there is nobody to hand over to, and a control worker holds nothing.
  if (devStack) void asked.then((who) => who === 'parent' && process.exit(EXIT.succeeded));
  const options = readTemporalOptions();
  const { startControl } = await import('../../workers/control.js');
  if (devStack) await untilServed(options.address);
  const worker = await startControl(options, fleet, { logLevel: devStack ? 'warn' : 'info', ...(metrics ? { metrics } : {}) });
  say(`control worker ready (fleet ${fleet}, Temporal at ${options.address})`);
  await Promise.race([asked, worker.done]);
  await worker.stop();
}
