import type { OutputChoice, Run, RunStatus } from '../client/index.js';
import { MergedOutput, type OutputStyle } from './output.js';
import { isOver, Progress, summary } from './phases.js';
import { paintByRank } from './prefix.js';
import { errColours, printJson, say, setBottom, writeOut } from './print.js';
import { canLive } from './terminal/live.js';
import { LiveRun } from './views/live-run.js';

/** Which output is shown, and until when. */
export type FollowWish = OutputChoice & { signal?: AbortSignal };

/** The status is short: what scrolls by above it is what the run is for. */
const roomBelow = (rows: number) => Math.min(14, Math.floor(rows / 3));

/**
 * Shows a run until it has ended: the nodes' output on stdout, what happens on stderr. Where both are a terminal, its status stands live below the output.
 * The final status. `onEnd` is called when the run has ended, before that is said. Throws the signal's reason when it is to follow no more.
 */
export async function followRun(run: Run, style: OutputStyle, { onEnd, ...wish }: FollowWish & { onEnd?: () => void } = {}): Promise<RunStatus> {
  const isLive = style !== 'json' && canLive(process.stdout) && canLive(process.stderr);
  const view = isLive ? new LiveRun(run, process.stderr, roomBelow) : undefined;
  if (view) setBottom(view.live);
  view?.live.start();
  let last: RunStatus;
  try {
    last = await showAll(run, style, wish, view);
    onEnd?.();
  } finally {
    view?.stop('clear');
    setBottom(null);
  }
  if (style !== 'json') for (const line of summary(last)) say(line);
  return last;
}

async function showAll(run: Run, style: OutputStyle, wish: FollowWish, view: LiveRun | undefined): Promise<RunStatus> {
  const output = new MergedOutput({ style, write: writeOut, paint: paintByRank });
  const progress = new Progress(view ? 'changes' : 'all');
  let last: RunStatus | undefined;
  for await (const event of run.follow({ output: 'follow', ...wish })) {
    if (event.kind === 'output') await output.take(event.output);
    else if (event.kind === 'skipped') showSkipped(event, run.handle, style === 'json');
    else if (event.kind === 'trouble') showTrouble(event.message, style === 'json');
    else {
      last = event.status;
      view?.take(last);
      output.fit(last.nodes);
      if (isOver(last)) await output.end();
      if (style === 'json') printJson({ event: 'status', ...last });
      else for (const line of progress.lines(last)) say(errColours.dim(line));
    }
  }
  if (wish.signal?.aborted) await output.end();
  wish.signal?.throwIfAborted();
  return last && isOver(last) ? last : await run.wait();
}

/** Says what keeps one from following the run for now. */
export function showTrouble(message: string, asJson: boolean): void {
  if (asJson) printJson({ event: 'trouble', message });
  else say(errColours.yellow(message));
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
