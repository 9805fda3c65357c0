import { Argument, Command } from 'commander';
import { SCRIPTS, SHELLS, type Shell } from '../completion/scripts.js';

export function completion(): Command {
  return new Command('completion')
    .description('print a script by which a shell completes verbs, options, runs and hosts: `source <(muster completion bash)`')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action((shell: Shell) => void process.stdout.write(SCRIPTS[shell]));
}
