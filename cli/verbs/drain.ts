import { Command } from 'commander';
import { say } from '../print.js';
import { withMuster } from '../with-muster.js';

/** `drain`: no further run gets the host; `resume`: it is in use again. */
export function drain(verb: 'drain' | 'resume'): Command {
  const description = verb === 'drain' ? 'let a host get no further run; what runs there goes on' : 'let a host that was drained get runs again';
  return new Command(verb)
    .description(description)
    .argument('<host>', "the host's id")
    .option('--fleet <fleet>', 'which fleet', 'default')
    .action((host: string, { fleet }: { fleet: string }) => withMuster(async (muster) => say(await muster.drain(host, verb === 'drain', fleet))));
}
