import { Command } from 'commander';

const ABOUT = `Runs one program on many machines at once, on Temporal.

  muster run -n 3 --dev -- 'echo $DSTACK_NODES_IPS'   try it on this machine alone`;

/** A command line of these verbs. It throws instead of leaving, and says nothing of mistakes. */
export function programOf(verbs: readonly Command[]): Command {
  const program = new Command('muster').description(ABOUT);
  for (const verb of verbs) program.addCommand(verb);
  for (const each of [program, ...verbs]) each.exitOverride().configureOutput({ outputError: () => {} });
  return program;
}
