import { Command, Option } from 'commander';
import { readTemporalOptions } from '../../connection/options.js';
import { say } from '../print.js';
import { untilAskedToEnd, untilServed, within } from '../worker-life.js';

/** A dev stack ends as a whole; nobody waits for tasks in progress. */
const DEV_STOP_LIMIT_MS = 3_000;

export function control(): Command {
  return new Command('control')
    .description('a control worker: it decides, and hosts do (run several to outlive one)')
    .option('--fleet <fleet>', 'which fleet', 'default')
    .addOption(new Option('--dev-stack').hideHelp())
    .action(({ fleet, devStack = false }: { fleet: string; devStack?: boolean }) => act(fleet, devStack));
}

async function act(fleet: string, devStack: boolean): Promise<void> {
  const asked = untilAskedToEnd(devStack);
  if (devStack) void asked.then((who) => who === 'parent' && setTimeout(() => process.exit(0), DEV_STOP_LIMIT_MS).unref());
  const options = readTemporalOptions();
  const { startControl } = await import('../../workers/control.js');
  if (devStack) await untilServed(options.address);
  const worker = await startControl(options, fleet);
  say(`control worker ready (fleet ${fleet}, Temporal at ${options.address})`);
  await Promise.race([asked, worker.done]);
  await (devStack ? within(DEV_STOP_LIMIT_MS, worker.stop()) : worker.stop());
}
