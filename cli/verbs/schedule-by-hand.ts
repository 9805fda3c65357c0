import { hostname, userInfo } from 'node:os';
import { Command, Option } from 'commander';
import { OVERLAPS, type Overlap } from '../../spec/task/schedule.js';
import { readZonedTime, TIME_WHAT, utcText } from '../../spec/task/zoned-time.js';
import { UsageError } from '../exit.js';
import { print, printJson, say } from '../print.js';
import { printable } from '../terminal/text.js';
import { withMuster } from '../with-muster.js';

export function pause(): Command {
  return new Command('pause')
    .description('keep a schedule from firing; runs that it started go on')
    .argument('<id>', "the schedule's id")
    .option('--note <text>', 'why, for whoever reads of it; who and when are added')
    .action((id: string, { note = 'paused' }: { note?: string }) =>
      withMuster(async (muster) => {
        const { changed, note: said } = await muster.schedules.pause(id, { note: signed(note) });
        if (changed) say(`The schedule ${id} is paused; runs that it started go on`);
        else say(`The schedule ${id} is paused already, and stays as it is: ${printable(said) || 'nobody said why'}`);
      }),
    );
}

export function resume(): Command {
  return new Command('resume')
    .description('let a schedule that was paused fire again, from now on')
    .argument('<id>', "the schedule's id")
    .action((id: string) =>
      withMuster(async (muster) => {
        const { changed } = await muster.schedules.resume(id, { note: signed('resumed') });
        if (changed) say(`The schedule ${id} fires again; \`muster schedule backfill ${id} --from TIME\` makes up for the time between`);
        else say(`The schedule ${id} is not paused`);
      }),
    );
}

export function trigger(): Command {
  return new Command('trigger')
    .description('start a run of a schedule now, also while it is paused, and print its handle')
    .argument('<id>', "the schedule's id")
    .addOption(overlapOption('what a run that goes on means for it, in place of what the schedule says'))
    .option('--json', 'one JSON object')
    .action((id: string, { overlap, json }: { overlap?: Overlap; json?: true }) =>
      withMuster(async (muster) => {
        const answer = await muster.schedules.trigger(id, overlap === undefined ? {} : { overlap });
        if (json) return printJson(answer);
        if (answer.state === 'waiting') say('It starts when the run before has ended');
        print(answer.run);
      }),
    );
}

export function backfill(): Command {
  return new Command('backfill')
    .description('start a run for each time of the past at which a schedule fires, missed or not')
    .argument('<id>', "the schedule's id")
    .requiredOption(
      '--from <time>',
      "the first time, itself included: `2026-11-27 02:00` in the schedule's time zone, or `2026-11-27T01:00:00Z`",
      timeOf('--from'),
    )
    .option('--to <time>', 'the last time, itself included (default: now)', timeOf('--to'))
    .addOption(overlapOption('how they go together; `buffer_all`, the default, is one after the other'))
    .option('--json', 'one JSON object')
    .action((id: string, { from, to, overlap, json }: { from: string; to?: string; overlap?: Overlap; json?: true }) =>
      withMuster(async (muster) => {
        const filled = await muster.schedules.backfill(id, { from, ...(to === undefined ? {} : { to }), ...(overlap === undefined ? {} : { overlap }) });
        if (json) return printJson(filled);
        const { firings, firstAtMs, lastAtMs } = filled;
        const times = firings === 1 ? `1 firing, of ${utcText(firstAtMs)}` : `${firings} firings, from ${utcText(firstAtMs)} to ${utcText(lastAtMs)}`;
        say(`The schedule ${id} makes up for ${times} (overlap: ${overlap ?? 'buffer_all'}); \`muster schedule show ${id}\` tells how it goes`);
      }),
    );
}

function overlapOption(description: string): Option {
  return new Option('--overlap <policy>', description).choices(OVERLAPS);
}

/** Passes the text on: it is read in the time zone of the schedule, which only Temporal knows. */
function timeOf(option: string): (text: string) => string {
  return (text) => {
    if (readZonedTime(text, 'UTC') === undefined) throw new UsageError(`${option} takes ${TIME_WHAT}, not ${JSON.stringify(text)}`);
    return text;
  };
}

function signed(note: string): string {
  return `${note} (${userName()} on ${hostname()}, ${utcText(Date.now())})`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry in /etc/passwd, as containers have.
    return `user ${process.getuid?.() ?? '?'}`;
  }
}
