import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { nearestOf } from '../spec/task/nearest.js';
import { splitCommand } from './command-words.js';
import { EXIT, UsageError, verdictOf } from './exit.js';
import { printError } from './print.js';
import { check } from './verbs/check.js';
import { control } from './verbs/control.js';
import { dev } from './verbs/dev.js';
import { drain } from './verbs/drain.js';
import { host } from './verbs/host.js';
import { hosts } from './verbs/hosts.js';
import { logs } from './verbs/logs.js';
import { plan } from './verbs/plan.js';
import { ps } from './verbs/ps.js';
import { quickstart } from './verbs/quickstart.js';
import { run } from './verbs/run.js';
import { scale } from './verbs/scale.js';
import { schedule } from './verbs/schedule.js';
import { status } from './verbs/status.js';
import { stop } from './verbs/stop.js';
import { wait } from './verbs/wait.js';

const ABOUT = `Runs one program on many machines at once, on Temporal.

  muster run -n 3 --dev -- 'echo $DSTACK_NODES_IPS'   try it on this machine alone`;

/** Runs one command line; its exit code. Never throws. */
export async function main(args: string[]): Promise<number> {
  process.stdout.on('error', leaveQuietly);
  process.stderr.on('error', leaveQuietly);
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) process.on(event, leaveWithBug);
  try {
    const { own, command } = splitCommand(args);
    const program = createProgram(command).version(version(), '-V, --version', 'print the version');
    refuseUnknownVerb(program, own);
    await program.parseAsync(own, { from: 'user' });
    return EXIT.succeeded;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.succeeded;
    // Help that was not asked for: it has been printed.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage;
    const { code, message } = verdictOf(error instanceof CommanderError ? usageError(error) : error);
    if (message !== '') printError(message);
    return code;
  }
}

/** The whole command line, with what stood after `--` for the one verb that takes it. */
export function createProgram(command: readonly string[] | undefined): Command {
  const program = new Command('muster').description(ABOUT);
  const verbs = [
    run(command),
    dev(),
    host(),
    control(),
    check(),
    plan(),
    ps(),
    status(),
    wait(),
    logs(),
    scale(),
    stop(),
    schedule(),
    hosts(),
    drain('drain'),
    drain('resume'),
  ];
  for (const verb of verbs) program.addCommand(verb);
  program.addCommand(quickstart(), { hidden: true });
  for (const each of [program, ...verbs]) each.exitOverride().configureOutput({ outputError: () => {} });
  return program;
}

function refuseUnknownVerb(program: Command, args: readonly string[]): void {
  const verb = args[0];
  if (verb === undefined || verb.startsWith('-') || verb === 'help') return;
  const known = program.commands.map((each) => each.name());
  if (known.includes(verb)) return;
  const near = nearestOf(verb, known);
  throw new UsageError(`There is no verb ${verb}${near === undefined ? '' : `; did you mean ${near}?`} (\`muster --help\` lists them)`);
}

// commander says "error: unknown option '--foo'\n(Did you mean --fork?)".
function usageError({ message }: CommanderError): UsageError {
  const text = message.replace(/^error: /, '').replace(/\n\((Did you mean .*\?)\)$/, (_, hint: string) => `; ${hint.toLowerCase()}`);
  return new UsageError(`${text.charAt(0).toUpperCase()}${text.slice(1)}`);
}

// `muster logs … | head`: who reads has enough.
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(128 + 13);
}

function leaveWithBug(error: unknown): void {
  const { code, message } = verdictOf(error);
  printError(message);
  process.exit(code);
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}
