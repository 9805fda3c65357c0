import { Command } from 'commander';
import type { Run } from '../../client/index.js';
import type { RunStatus } from '../../spec/nodes.js';
import { addressReasons } from '../address-reasons.js';
import { formatDuration } from '../duration.js';
import { nodesTable, rangeOf, restartsOf, summary } from '../phases.js';
import { print, printJson } from '../print.js';
import { printable } from '../terminal/text.js';
import { withMuster } from '../with-muster.js';

interface Options {
  watch?: true;
  json?: true;
}

export function status(): Command {
  return new Command('status')
    .description('what a run is doing, or how it ended')
    .argument('<run>', "the run's handle")
    .option('-w, --watch', 'go on until the run has ended: a live view on a terminal, else a line for each change')
    .option('--json', 'one JSON object; with --watch one for each change')
    .action((handle: string, { watch: goesOn, json }: Options) =>
      withMuster(async (muster) => {
        const run = muster.runs.get(handle);
        const now = goesOn ? await watch(run, json === true) : await run.status();
        if (json) return goesOn ? undefined : printJson(now);
        for (const line of describe(now)) print(line);
      }),
    );
}

/** Shows the run until it has ended; its final status. */
async function watch(run: Run, json: boolean): Promise<RunStatus> {
  const { canLive } = await import('../terminal/live.js');
  if (json || !canLive(process.stdout)) {
    const { PlainRun } = await import('../views/plain.js');
    return await follow(run, new PlainRun(json));
  }
  const [{ LiveRun }, { leaveOnSignals }] = await Promise.all([import('../views/live-run.js'), import('../watching.js')]);
  const view = new LiveRun(run, process.stdout, (rows) => rows - 1);
  const stay = leaveOnSignals(() => view.stop('keep'));
  view.live.start();
  try {
    return await follow(run, view);
  } finally {
    view.stop('clear');
    stay();
  }
}

async function follow(run: Run, view: { take(status: RunStatus): void; trouble(message: string): void }): Promise<RunStatus> {
  let last: RunStatus | undefined;
  for await (const event of run.follow({ output: 'none' })) {
    if (event.kind === 'trouble') view.trouble(event.message);
    if (event.kind !== 'status') continue;
    last = event.status;
    view.take(last);
  }
  return last?.endedAtMs ? last : await run.wait();
}

/** How a run is, in lines for people. */
export function describe(now: RunStatus): string[] {
  const { run, phase, reason, message, generation, fleet, submittedAtMs, endedAtMs, nodes, nodesRange, warnings, failures } = now;
  const took = formatDuration((endedAtMs ?? Date.now()) - submittedAtMs);
  const ended = phase === 'failed' ? summary(now).slice(1) : nodesTable(nodes);
  const more = [nodesRange && endedAtMs === null ? rangeOf(nodesRange) : '', restartsOf(now)].filter(Boolean);
  return [
    `${run} ${phase}${phase === 'failed' ? ` (${reason})` : ''}: ${message}`,
    `fleet ${fleet}, generation ${generation}, ${endedAtMs === null ? 'for' : 'took'} ${[took, ...more].join(', ')}`,
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(failures.length > 0 ? ['what went wrong, in order:', ...failures.map(({ type, message: what }) => `  ${type}: ${what}`)] : []),
    ...(nodes.length > 0 ? ended : []),
    ...addressReasons(nodes.map(({ host, addressReason }) => ({ host, reason: addressReason }))),
  ].map(printable);
}
