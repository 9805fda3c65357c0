import { Command } from 'commander';
import { say } from '../print.js';
import { withMuster } from '../with-muster.js';

const DESCRIPTIONS = {
  drain: 'let a host get no further run; a run with a range, or with on_host_loss replace or shrink, leaves it, and any other goes on',
  resume: 'let a host that was drained get runs again',
};

/** `drain`: no further run gets the host; `resume`: it is in use again. */
export function drain(verb: 'drain' | 'resume'): Command {
  return new Command(verb)
    .description(DESCRIPTIONS[verb])
    .argument('<host>', "the host's id")
    .option('--fleet <fleet>', 'which fleet', 'default')
    .action((host: string, { fleet }: { fleet: string }) => withMuster(async (muster) => say(await muster.drain(host, verb === 'drain', fleet))));
}
