import { quoteWord } from './shell-words.js';

/** What stands before the first `--` is ours; what stands after it is the command to run, where there is a `--`. */
export function splitCommand(args: readonly string[]): { own: string[]; command: string[] | undefined } {
  const at = args.indexOf('--');
  return at < 0 ? { own: [...args], command: undefined } : { own: args.slice(0, at), command: args.slice(at + 1) };
}

/** The command as one shell line: a single argument is one already, several keep their words whatever is in them. */
export function shellLine(command: readonly string[]): string {
  return command.length === 1 ? (command[0] ?? '') : command.map(quoteWord).join(' ');
}
