import { Command } from 'commander';
import { addressReasons } from '../address-reasons.js';
import { formatDuration } from '../duration.js';
import { nodesTable } from '../phases.js';
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
        const { run, phase, message, generation, fleet, submittedAtMs, endedAtMs, nodes, warnings } = now;
        print(`${run} ${phase}: ${message}`);
        const took = formatDuration((endedAtMs ?? Date.now()) - submittedAtMs);
        print(`fleet ${fleet}, generation ${generation}, ${endedAtMs === null ? 'for' : 'took'} ${took}`);
        for (const warning of warnings) print(`warning: ${warning}`);
        if (nodes.length > 0)
          for (const line of [...nodesTable(nodes), ...addressReasons(nodes.map(({ addressReason, ...node }) => ({ ...node, reason: addressReason })))])
            print(line);
      }),
    );
}
