import { basename } from 'node:path';

const POSIX_SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'zsh']);

/**
 * The commands as one script: the next runs if the last succeeded. Each is a group of its own, so that a comment or a here-document at its end, or a
 * `&`, takes nothing of the next with it; directories and variables go on from one to the next. The colon is there for a
 * command that is nothing but a comment.
 */
export function scriptOf(commands: readonly string[], shell: string): string {
  const [only] = commands;
  if (commands.length === 1 && only !== undefined) return `${only}\n`;
  const groups = POSIX_SHELLS.has(basename(shell));
  return `${commands.map((command) => (groups ? `{ :\n${command}\n}` : command.replace(/\s+$/, ''))).join(' && ')}\n`;
}
