import type { Argument, Command, Option } from 'commander';

/** What may stand at the cursor: words that are known, or what only somebody else knows: files, or the runs, hosts and schedules of a server. */
export interface Candidates {
  words: { word: string; about: string }[];
  ask: 'files' | 'runs' | 'running' | 'hosts' | 'schedules' | null;
  /** The fleet that was named on the line. */
  fleet: string | undefined;
}

/** Runs that have ended are no use to these. */
const OF_RUNNING = ['stop', 'scale', 'wait', 'exec', 'attach'];
const FILES = /^(file|directory|path)$/;

/** What may stand at the cursor. `words`: what stands on the line after the program's name; the last one is being written, and may be empty. */
export function complete(program: Command, words: readonly string[]): Candidates {
  const before = words.slice(0, -1);
  const begun = words.at(-1) ?? '';
  const nothing: Candidates = { words: [], ask: null, fleet: undefined };
  // A command of the user's own.
  if (before.includes('--')) return { ...nothing, ask: 'files' };
  let command = program;
  let rest = [...before];
  for (let next = child(command, rest[0]); next; next = child(command, rest[0])) {
    command = next;
    rest = rest.slice(1);
  }
  const own = command.options.filter(({ hidden }) => !hidden);
  const positional: string[] = [];
  let fleet: string | undefined;
  for (let i = 0; i < rest.length; i++) {
    const option = optionOf(command, rest[i] ?? '');
    if (option === undefined) positional.push(rest[i] ?? '');
    else if (takesValue(option) && !rest[i]?.includes('=')) {
      if (i === rest.length - 1) return { ...nothing, ...ofValue(option, begun) };
      i++;
      if (option.long === '--fleet') fleet = rest[i];
    }
  }
  if (begun.startsWith('-')) return { ...nothing, words: matching(begun, own.map(asWord)) };
  if (command.commands.length > 0) {
    const verbs = command.createHelp().visibleCommands(command);
    return { ...nothing, words: matching(begun, positional.length > 0 ? [] : verbs.map((verb) => ({ word: verb.name(), about: verb.description() }))) };
  }
  const args = command.registeredArguments;
  const last = args.at(-1);
  const argument = args[positional.length] ?? (last?.variadic ? last : undefined);
  return argument === undefined ? nothing : { ...nothing, fleet, ...ofArgument(argument, command, begun) };
}

function child(command: Command, name: string | undefined): Command | undefined {
  return command.commands.find((each) => each.name() === name);
}

function optionOf(command: Command, word: string): Option | undefined {
  const name = word.split('=')[0];
  return command.options.find(({ short, long }) => name !== '' && (name === short || name === long));
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function asWord({ long, short, description }: Option): { word: string; about: string } {
  return { word: long ?? short ?? '', about: description };
}

function ofValue({ argChoices, flags }: Option, begun: string): Partial<Candidates> {
  if (argChoices) return { words: matching(begun, argChoices.map(plain)) };
  return FILES.test(/<(.+?)>/.exec(flags)?.[1] ?? '') ? { ask: 'files' } : {};
}

function ofArgument(argument: Argument, command: Command, begun: string): Partial<Candidates> {
  const name = argument.name();
  if (argument.argChoices) return { words: matching(begun, argument.argChoices.map(plain)) };
  if (name === 'run') return { ask: OF_RUNNING.includes(command.name()) ? 'running' : 'runs' };
  if (name === 'host') return { ask: 'hosts' };
  if (name === 'id' && command.parent?.name() === 'schedule') return { ask: 'schedules' };
  return FILES.test(name) ? { ask: 'files' } : {};
}

function plain(word: string): { word: string; about: string } {
  return { word, about: '' };
}

function matching(begun: string, all: readonly { word: string; about: string }[]): { word: string; about: string }[] {
  return all.filter(({ word }) => word.startsWith(begun));
}
