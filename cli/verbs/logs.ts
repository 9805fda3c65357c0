import { Command } from 'commander';
import { UsageError } from '../exit.js';
import { wholeNumber } from '../numbers.js';
import { errColours, say, writeOut } from '../print.js';
import { withMuster } from '../with-muster.js';

interface Options {
  follow?: true;
  rank?: number;
  raw?: true;
  json?: true;
}

export function logs(): Command {
  return new Command('logs')
    .description("the nodes' output, merged")
    .argument('<run>', "the run's handle")
    .option('-f, --follow', 'go on until the run has ended')
    .option('-r, --rank <rank>', 'only this node', wholeNumber('--rank', 0, 1_999))
    .option('--raw', 'without prefixes')
    .option('--json', 'one JSON object a line')
    .action((handle: string, options: Options) => {
      if (options.raw && options.json) throw new UsageError('--raw and --json cannot go together');
      return act(handle, options);
    });
}

async function act(handle: string, { follow, rank, raw, json }: Options): Promise<void> {
  const [{ MergedOutput }, { paintByRank, showSkipped }] = await Promise.all([import('../output.js'), import('../follow-run.js')]);
  await withMuster(async (muster) => {
    const output = new MergedOutput({ style: json ? 'json' : raw ? 'raw' : 'prefixed', write: writeOut, paint: paintByRank });
    const wish = { output: follow ? ('follow' as const) : ('once' as const), ...(rank === undefined ? {} : { rank }) };
    for await (const event of muster.runs.get(handle).follow(wish)) {
      if (event.kind === 'output') await output.take(event.output);
      else if (event.kind === 'skipped') showSkipped(event, handle, json === true);
      else if (event.kind === 'trouble') say(errColours.yellow(event.message));
      else {
        output.fit(event.status.nodes);
        if (rank !== undefined) refuseRank(rank, event.status.nodes.length, event.status.generation);
      }
    }
    await output.end();
  });
}

function refuseRank(rank: number, nodes: number, generation: number): void {
  if (generation > 0 && rank >= nodes) throw new UsageError(`There is no rank ${rank}; the run has ranks 0 to ${nodes - 1}`);
}
