import { Command } from 'commander';
import type { RunStatus } from '../../spec/nodes.js';
import { addressReasons } from '../address-reasons.js';
import { formatDuration } from '../duration.js';
import { nodesTable, summary } from '../phases.js';
import { print, printJson } from '../print.js';
import { withMuster } from '../with-muster.js';

export function status(): Command {
  return new Command('status')
    .description('what a run is doing, or how it ended')
    .argument('<run>', "the run's handle")
    .option('--json', 'one JSON object')
    .action((handle: string, { json }: { json?: true }) =>
      withMuster(async (muster) => {
        const now = await muster.runs.get(handle).status();
        if (json) return printJson(now);
        for (const line of describe(now)) print(line);
      }),
    );
}

function describe(now: RunStatus): string[] {
  const { run, phase, reason, message, generation, fleet, submittedAtMs, endedAtMs, nodes, warnings, failures } = now;
  const took = formatDuration((endedAtMs ?? Date.now()) - submittedAtMs);
  const ended = phase === 'failed' ? summary(now).slice(1) : nodesTable(nodes);
  return [
    `${run} ${phase}${phase === 'failed' ? ` (${reason})` : ''}: ${message}`,
    `fleet ${fleet}, generation ${generation}, ${endedAtMs === null ? 'for' : 'took'} ${took}`,
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(failures.length > 0 ? ['what went wrong, in order:', ...failures.map(({ type, message: what }) => `  ${type}: ${what}`)] : []),
    ...(nodes.length > 0 ? ended : []),
    ...addressReasons(nodes.map(({ host, addressReason }) => ({ host, reason: addressReason }))),
  ];
}
