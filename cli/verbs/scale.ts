import { Command } from 'commander';
import { wholeNumber } from '../numbers.js';
import { nodesTable } from '../phases.js';
import { print, printJson, say } from '../print.js';
import { withMuster } from '../with-muster.js';

export function scale(): Command {
  return new Command('scale')
    .description('give a run another number of nodes; all start again with the new list')
    .argument('<run>', "the run's handle")
    .argument('<nodes>', 'how many nodes', wholeNumber('NODES', 1, 2_000))
    .option('--json', 'the new status as one JSON object')
    .action((handle: string, nodes: number, { json }: { json?: true }) =>
      withMuster(async (muster) => {
        const now = await muster.runs.get(handle).rescale(nodes, { onProgress: say });
        if (json) return printJson(now);
        say(`${handle} has ${nodes} node${nodes === 1 ? '' : 's'} in generation ${now.generation}`);
        for (const line of nodesTable(now.nodes)) print(line);
      }),
    );
}
