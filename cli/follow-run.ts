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
    else if (event.kind === 'skipped') showSkipped(event, run.handle, style === 'json');
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

/** Says what of a node's output is not shown, beside it. */
export function showSkipped({ rank, host, bytes }: { rank: number; host: string; bytes: number }, handle: string, asJson: boolean): void {
  if (asJson) {
    printJson({ event: 'skipped', rank, host, bytes });
    return;
  }
  const size = bytes < 2 ** 20 ? `${Math.ceil(bytes / 2 ** 10)} KB` : `${(bytes / 2 ** 20).toFixed(1)} MB`;
  say(errColours.yellow(`node ${rank}: ${size} of output not shown; \`muster logs ${handle} --rank ${rank}\` has what is kept`));
}

export function paintByRank(rank: number, prefix: string): string {
  return outColours[RANK_COLOURS[rank % RANK_COLOURS.length] ?? 'cyan'](prefix);
}
