import { Command } from 'commander';
import { parseDuration } from '../duration.js';
import { codeOf, Exit } from '../exit.js';
import { summary } from '../phases.js';
import { printJson, say } from '../print.js';
import { withMuster } from '../with-muster.js';

export function wait(): Command {
  return new Command('wait')
    .description('wait until a run has ended; its outcome is the exit code')
    .argument('<run>', "the run's handle")
    .option('-t, --timeout <duration>', 'at most so long, as 30s or 5m; then exit code 4', parseDuration)
    .option('--json', 'the final status as one JSON object')
    .action((handle: string, { timeout, json }: { timeout?: number; json?: true }) =>
      withMuster(async (muster) => {
        const final = await muster.runs.get(handle).wait(timeout === undefined ? {} : { limitMs: timeout });
        if (json) printJson(final);
        else for (const line of summary(final)) say(line);
        throw new Exit(codeOf(final));
      }),
    );
}
