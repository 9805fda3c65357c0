import { Command } from 'commander';
import type { Muster, Run } from '../../client/index.js';
import { codeOf, Exit, UsageError } from '../exit.js';
import type { Interrupts } from '../interrupts.js';
import { gathered, nodesOf, wholeNumber } from '../numbers.js';
import { print, printJson, say } from '../print.js';

interface Options {
  nodes?: number | string;
  name?: string;
  id?: string;
  env?: string[];
  fleet?: string;
  detach?: true;
  json?: true;
  raw?: true;
  dev?: true;
  hosts?: number;
}

export function run(command: readonly string[] | undefined): Command {
  return new Command('run')
    .description('start a run and follow it')
    .usage('[options] FILE  |  -n NODES [options] -- COMMAND…')
    .argument('[file]', 'the task file')
    .option('-n, --nodes <count>', 'how many nodes, or a range such as 2..8', nodesOf('--nodes'))
    .option('--name <name>', "the task's name")
    .option('--id <handle>', 'the handle of the run; where such a run goes on already, it is joined')
    .option('-e, --env <NAME=value>', 'an environment variable; a bare NAME is taken from here (repeatable)', gathered)
    .option('--fleet <fleet>', 'the fleet whose hosts are used')
    .option('-d, --detach', 'only start it, and print its handle')
    .option('--raw', "the nodes' output without prefixes")
    .option('--json', 'one JSON object a line: output and status')
    .option('--dev', 'bring a Temporal and hosts on this machine for the time of the command')
    .option('--hosts <count>', 'with --dev: how many hosts (default: as many as nodes, of a range the least)', wholeNumber('--hosts', 1, 500))
    .addHelpText('after', '\nOne argument after -- is a shell line; several are one command, each keeping its words.')
    .action((file: string | undefined, options: Options) => act(file, command, options));
}

async function act(file: string | undefined, command: readonly string[] | undefined, options: Options): Promise<void> {
  refuseCombinations(options);
  const { readTask } = await import('../task-input.js');
  const { nodes, name, env, fleet } = options;
  const wish = { ...(file === undefined ? {} : { file }), ...(command === undefined ? {} : { command }) };
  const { submit, task, warnings, baseDir } = readTask({ ...wish, ...definedOf({ nodes, name, env, fleet: options.dev ? 'default' : fleet }) });
  for (const warning of warnings) say(`warning: ${warning}`);
  if (task.schedule !== null) say('note: this runs once, now; `muster schedule apply FILE` has it run as `schedule` says');
  const { Interrupts } = await import('../interrupts.js');
  const interrupts = new Interrupts();
  const stack = options.dev ? await import('../dev-run.js').then(({ startFor }) => startFor(options.hosts ?? task.nodes, task, interrupts)) : undefined;
  let muster: Muster | undefined;
  try {
    const { connect } = await import('../../client/index.js');
    muster = await connect(stack === undefined ? {} : { temporal: { address: stack.address, namespace: 'default' } });
    if (interrupts.early.aborted) throw new Exit(interrupts.exitCode ?? 0);
    const started = await muster.runs.start(submit, { baseDir, ...(options.id === undefined ? {} : { id: options.id }) });
    if (options.detach) return options.json ? printJson({ run: started.handle }) : print(started.handle);
    interrupts.about(started);
    await followed(started, options, interrupts);
  } finally {
    interrupts.dispose();
    await stack?.stop();
    await muster?.close();
  }
}

async function followed(started: Run, options: Options, interrupts: Interrupts): Promise<void> {
  const { followRun } = await import('../follow-run.js');
  if (!options.json) say(`${started.handle} submitted`);
  const status = await followRun(started, options.json ? 'json' : options.raw ? 'raw' : 'prefixed', { onEnd: interrupts.ended });
  const interrupted = status.phase === 'succeeded' ? undefined : interrupts.exitCode;
  throw new Exit(interrupted ?? codeOf(status));
}

function refuseCombinations({ dev, hosts, detach, raw, json, fleet, id }: Options): void {
  if (hosts !== undefined && !dev) throw new UsageError('--hosts goes with --dev; without it the hosts are those of the fleet');
  if (dev && detach) throw new UsageError('--dev ends with the command, so it cannot go with --detach; use `muster dev`');
  if (dev && fleet !== undefined) throw new UsageError('--dev brings a fleet of its own, so it cannot go with --fleet');
  if (raw && json) throw new UsageError('--raw and --json cannot go together');
  if (id === '') throw new UsageError('--id takes a handle, not an empty text');
}

function definedOf<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
