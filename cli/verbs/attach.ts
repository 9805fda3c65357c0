import { Command } from 'commander';
import { codeOf, EXIT, Exit, UsageError } from '../exit.js';
import { parseMoment } from '../moment.js';
import { wholeNumber } from '../numbers.js';
import { choiceOf, MOST_TAIL } from '../output-choice.js';
import { withMuster } from '../with-muster.js';

interface Options {
  since?: Date;
  tail?: number;
  raw?: true;
  json?: true;
}

export function attach(): Command {
  return new Command('attach')
    .description(
      'follow a run again, as `muster run` does: its output, what happens, its outcome as the exit code (Ctrl-C asks whether to stop it; without an answer it goes on)',
    )
    .argument('<run>', "the run's handle")
    .option('--since <time>', 'only output since then: how long ago, as 10m, or a time, as 2026-11-28T10:00:00Z', parseMoment('--since'))
    .option('-n, --tail <lines>', 'begin with the last so many lines of each node (default: with the first)', wholeNumber('--tail', 0, MOST_TAIL))
    .option('--raw', "the nodes' output without prefixes")
    .option('--json', 'one JSON object a line: output and status')
    .action((handle: string, { raw, json, ...choice }: Options) => {
      if (raw && json) throw new UsageError('--raw and --json cannot go together');
      return withMuster(async (muster) => {
        const run = muster.runs.get(handle);
        // Who mistyped the handle hears of it before anything is followed.
        await run.status();
        const [{ Detaching }, { followRun }] = await Promise.all([import('../detaching.js'), import('../follow-run.js')]);
        const detaching = new Detaching(run);
        try {
          const status = await followRun(run, json ? 'json' : raw ? 'raw' : 'prefixed', {
            ...choiceOf(choice),
            signal: detaching.signal,
            onEnd: detaching.ended,
          });
          throw new Exit(detaching.stopped && status.phase !== 'succeeded' ? EXIT.SIGINT : codeOf(status));
        } finally {
          detaching.dispose();
        }
      });
    });
}
