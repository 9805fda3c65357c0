import { Command } from 'commander';
import { summary } from '../phases.js';
import { printJson, say } from '../print.js';
import { withMuster } from '../with-muster.js';

export function stop(): Command {
  return new Command('stop')
    .description('stop a run, and wait until it has ended')
    .argument('<run>', "the run's handle")
    .option('--now', "kill its programs at once instead of sending the task's stop signal first")
    .option('--json', 'the final status as one JSON object')
    .action((handle: string, { now, json }: { now?: true; json?: true }) =>
      withMuster(async (muster) => {
        const run = muster.runs.get(handle);
        try {
          const { message } = await run.stop({ mode: now ? 'now' : 'graceful' });
          say(message);
        } catch (error) {
          // It ended by itself: there is nothing left to stop.
          if ((error as Error).name !== 'RunEnded') throw error;
          say((error as Error).message);
        }
        const final = await run.wait();
        if (json) return printJson(final);
        for (const line of summary(final)) say(line);
      }),
    );
}
