import { readFileSync } from 'node:fs';
import { type Command, CommanderError } from 'commander';
import { programOf } from './bare-program.js';
import { splitCommand } from './command-words.js';
import { COMPLETE_VERB } from './completion/scripts.js';
import { EXIT, UsageError, verdictOf } from './exit.js';
import { printError } from './print.js';

/** Runs one command line; its exit code. Never throws. */
export async function main(args: string[]): Promise<number> {
  process.stdout.on('error', leaveQuietly);
  process.stderr.on('error', leaveQuietly);
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) process.on(event, leaveWithBug);
  try {
    const { own, command } = splitCommand(args);
    const program = (await createFor(own[0], command)).version(version(), '-V, --version', 'print the version');
    await refuseUnknownVerb(program, own);
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

/** A verb that runs inside jobs, and often, does not wait until all others are loaded; one that shells call is not listed. */
async function createFor(verb: string | undefined, command: readonly string[] | undefined): Promise<Command> {
  if (verb === COMPLETE_VERB) return programOf([(await import('./verbs/complete.js')).completeVerb(command)]);
  if (verb === 'nodes') return programOf([(await import('./verbs/nodes.js')).nodes()]);
  return (await import('./program.js')).createProgram(command);
}

async function refuseUnknownVerb(program: Command, args: readonly string[]): Promise<void> {
  const verb = args[0];
  if (verb === undefined || verb.startsWith('-') || verb === 'help') return;
  const known = program.commands.map((each) => each.name());
  if (known.includes(verb)) return;
  const { nearestOf } = await import('../spec/task/nearest.js');
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
