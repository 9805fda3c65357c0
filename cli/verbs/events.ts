import { Command } from 'commander';
import type { StoryEvent } from '../../client/index.js';
import { counted } from '../../spec/words.js';
import { wholeNumber } from '../numbers.js';
import { outColours, print, printJson, say } from '../print.js';
import { printable } from '../terminal/text.js';
import { withMuster } from '../with-muster.js';
import { localZone, zonedText } from '../zoned-text.js';

interface Options {
  limit?: number;
  json?: true;
}

export function events(): Command {
  return new Command('events')
    .description('the story of a run, line by line: what happened when (in the time zone of this machine), and why')
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
        if (left > 0 && !json) say(`${counted(left, 'earlier event')} not shown`);
        newest.forEach((event) => {
          show(event);
        });
      }),
    );
}

const HERE = localZone();
const KIND_WIDTH = 'continued'.length;

/** A line of the story, for people. */
export function lineOf({ atMs, kind, message }: StoryEvent): string {
  const text = printable(message);
  const paint = kind === 'failed' || kind === 'missing' || kind === 'trouble' || kind === 'silent' ? outColours.yellow : (plain: string) => plain;
  return `${outColours.dim(zonedText(atMs, HERE))}  ${kind.padEnd(KIND_WIDTH)}  ${paint(text)}`;
}
