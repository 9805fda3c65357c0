import { Command } from 'commander';
import { describeWish } from '../../spec/resize.js';
import { nodesTable } from '../phases.js';
import { print, printJson, say } from '../print.js';
import { readResizeWords } from '../resize-words.js';
import { withMuster } from '../with-muster.js';

export function scale(): Command {
  return new Command('scale')
    .description('give a run another number of nodes; `on_resize` in its task says what those hear of it that stay')
    .argument('<run>', "the run's handle")
    .argument('<size...>', 'how many nodes, as 5; or in which groups, as workers=5 head=1, where the others stay as they are')
    .option('--json', 'the new status as one JSON object')
    .action((handle: string, words: string[], { json }: { json?: true }) => {
      const wish = readResizeWords(words);
      return withMuster(async (muster) => {
        const now = await muster.runs.get(handle).rescale(wish, { onProgress: say });
        if (json) return printJson(now);
        say(`${handle} has ${describeWish(wish)} in generation ${now.generation}`);
        for (const line of nodesTable(now.nodes)) print(line);
      });
    });
}
