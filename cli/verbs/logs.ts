import { Command } from 'commander';
import { UsageError } from '../exit.js';
import { parseMoment } from '../moment.js';
import { gathered, wholeNumber } from '../numbers.js';
import { type ChoiceOptions, choiceOf, MOST_TAIL, ranks, refuseUnknown } from '../output-choice.js';
import { writeOut } from '../print.js';
import { withMuster } from '../with-muster.js';

interface Options extends ChoiceOptions {
  follow?: true;
  timestamps?: boolean;
  raw?: true;
  json?: true;
}

export function logs(): Command {
  return new Command('logs')
    .description("the nodes' output, of all generations, merged in time order")
    .argument('<run>', "the run's handle")
    .option('-f, --follow', 'go on until the run has ended')
    .option('-r, --rank <rank>', 'only what was written under this rank (repeatable, or 0,3)', ranks)
    .option('--host <host>', 'only what was written on this host (repeatable)', gathered)
    .option('-g, --generation <generation>', 'only what was written in this generation', wholeNumber('--generation', 1, Number.MAX_SAFE_INTEGER))
    .option('--since <time>', 'only what was written since then: how long ago, as 10m, or a time, as 2026-11-28T10:00:00Z', parseMoment('--since'))
    .option('-n, --tail <lines>', 'begin with the last so many lines of each node', wholeNumber('--tail', 0, MOST_TAIL))
    .option('-t, --timestamps', 'with the time of each line, in UTC')
    .option('--raw', 'without prefixes')
    .option('--json', 'one JSON object a line')
    .action((handle: string, options: Options) => {
      if (options.raw && options.json) throw new UsageError('--raw and --json cannot go together');
      return act(handle, options);
    });
}

async function act(handle: string, { follow, timestamps = false, raw, json, ...choice }: Options): Promise<void> {
  const [{ MergedOutput }, { paintByRank }, { showSkipped, showTrouble }] = await Promise.all([
    import('../output.js'),
    import('../prefix.js'),
    import('../follow-run.js'),
  ]);
  await withMuster(async (muster) => {
    const output = new MergedOutput({ style: json ? 'json' : raw ? 'raw' : 'prefixed', timestamps, write: writeOut, paint: paintByRank });
    const wish = { output: follow ? ('follow' as const) : ('once' as const), ...choiceOf(choice) };
    for await (const event of muster.runs.get(handle).follow(wish)) {
      if (event.kind === 'output') await output.take(event.output);
      else if (event.kind === 'skipped') showSkipped(event, handle, json === true);
      else if (event.kind === 'trouble') showTrouble(event.message, json === true);
      else {
        output.fit(event.status.nodes);
        refuseUnknown(choice, event.status);
      }
    }
    await output.end();
  });
}
