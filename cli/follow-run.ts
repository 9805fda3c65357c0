import type { Run, RunStatus } from '../client/index.js';
import { MergedOutput, type OutputStyle } from './output.js';
import { isOver, Progress, summary } from './phases.js';
import { errColours, outColours, printJson, say, writeOut } from './print.js';

const RANK_COLOURS = ['cyan', 'yellow', 'green', 'magenta', 'blue'] as const;

/** Shows a run until it has ended: the nodes' output on stdout, what happens on stderr. The final status. */
export async function followRun(run: Run, style: OutputStyle): Promise<RunStatus> {
  const output = new MergedOutput({ style, write: writeOut, paint: paintByRank });
  const progress = new Progress();
  let last: RunStatus | undefined;
  for await (const event of run.follow({ output: 'follow' })) {
    if (event.kind === 'output') await output.take(event.output);
    else if (event.kind === 'trouble') say(errColours.yellow(event.message));
    else {
      last = event.status;
      output.fit(last.nodes);
      if (isOver(last)) await output.end();
      if (style === 'json') printJson({ event: 'status', ...last });
      else for (const line of progress.lines(last)) say(errColours.dim(line));
    }
  }
  if (!last || !isOver(last)) last = await run.wait();
  if (style !== 'json') for (const line of summary(last)) say(line);
  return last;
}

export function paintByRank(rank: number, prefix: string): string {
  return outColours[RANK_COLOURS[rank % RANK_COLOURS.length] ?? 'cyan'](prefix);
}
