import { Command } from 'commander';
import type { StoryEvent } from '../../client/index.js';
import { wholeNumber } from '../numbers.js';
import { outColours, print, printJson, say } from '../print.js';
import { printable } from '../terminal/text.js';
import { withMuster } from '../with-muster.js';

interface Options {
  limit?: number;
  json?: true;
}

export function events(): Command {
  return new Command('events')
    .description('the story of a run, line by line: what happened when, and why')
    .argument('<run>', "the run's handle")
    .option('-n, --limit <count>', 'only the newest so many', wholeNumber('--limit', 1, 1_000_000))
    .option('--json', 'one JSON object a line')
    .action((handle: string, { limit, json }: Options) =>
      withMuster(async (muster) => {
        const show = json ? printJson : (event: StoryEvent) => print(lineOf(event));
        const newest: StoryEvent[] = [];
        let left = 0;
        for await (const event of muster.runs.get(handle).events()) {
          if (limit === undefined) show(event);
          else if (newest.push(event) > limit) left += newest.splice(0, 1).length;
        }
        if (left > 0 && !json) say(`${left} earlier event${left === 1 ? '' : 's'} not shown`);
        newest.forEach((event) => {
          show(event);
        });
      }),
    );
}

const KIND_WIDTH = 'continued'.length;

function lineOf({ atMs, kind, message }: StoryEvent): string {
  const text = printable(message);
  const paint = kind === 'failed' || kind === 'missing' || kind === 'trouble' || kind === 'silent' ? outColours.yellow : (plain: string) => plain;
  return `${outColours.dim(timeOf(atMs))}  ${kind.padEnd(KIND_WIDTH)}  ${paint(text)}`;
}

/** In the time of this machine, as people read clocks: `2026-05-03 02:59:07`. */
function timeOf(atMs: number): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const at = new Date(atMs);
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${date} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`;
}
