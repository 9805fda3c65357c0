import { Command } from 'commander';
import type { ScheduleStatus } from '../../client/index.js';
import { formatDuration } from '../duration.js';
import { print, printJson, say } from '../print.js';
import { scheduleLines, whenOf } from '../schedule-words.js';
import { table } from '../table.js';
import { withMuster } from '../with-muster.js';
import { localZone, zonedText } from '../zoned-text.js';
import { backfill, pause, resume, trigger } from './schedule-by-hand.js';

export function schedule(): Command {
  const verb = new Command('schedule').description('Temporal Schedules that start runs');
  const verbs = [applyVerb(), listVerb(), showVerb(), pause(), resume(), trigger(), backfill(), deleteVerb()];
  for (const each of verbs) verb.addCommand(each.exitOverride().configureOutput({ outputError: () => {} }));
  return verb;
}

function applyVerb(): Command {
  return new Command('apply')
    .description("make a task file's schedule, or change it to what the file says")
    .argument('<file>', 'the task file, with `schedule`')
    .option('--id <id>', "the schedule's id (default: the task's name)")
    .option('--json', 'one JSON object')
    .action(async (file: string, { id, json }: { id?: string; json?: true }) => {
      const { readTask } = await import('../task-input.js');
      const { submit, task, warnings, baseDir } = readTask({ file });
      for (const warning of warnings) say(`warning: ${warning}`);
      await withMuster(async (muster) => {
        const applied = await muster.schedules.apply(submit, { baseDir, ...(id === undefined ? {} : { id }) });
        if (json) return printJson(applied);
        const { nextAtMs, paused, created } = applied;
        const next = nextAtMs === null ? 'it never fires' : `it fires next at ${zonedText(nextAtMs, task.schedule?.timeZone ?? 'UTC')}`;
        say(`The schedule ${applied.id} was ${created ? 'made' : 'changed'}; ${paused ? `it is paused: \`muster schedule resume ${applied.id}\`` : next}`);
      });
    });
}

function listVerb(): Command {
  return new Command('list')
    .description('list the schedules, and what they started last')
    .option('--json', 'one JSON object a line')
    .action(({ json }: { json?: true }) =>
      withMuster(async (muster) => {
        const known = await muster.schedules.list();
        if (json) return known.forEach(printJson);
        if (known.length === 0) return say('There are no schedules; `muster schedule apply FILE` makes one');
        for (const line of table(['SCHEDULE', 'WHEN', 'NODES', 'NEXT', 'MISSED', 'LAST RUN'], known.map(cells))) print(line);
      }),
    );
}

function showVerb(): Command {
  return new Command('show')
    .description('tell what a schedule did last, what it missed, and when it fires next')
    .argument('<id>', "the schedule's id")
    .option('--json', 'one JSON object')
    .action((id: string, { json }: { json?: true }) =>
      withMuster(async (muster) => {
        const details = await muster.schedules.get(id);
        if (json) return printJson(details);
        for (const line of scheduleLines(details, Date.now(), localZone())) print(line);
      }),
    );
}

function deleteVerb(): Command {
  return new Command('delete')
    .description('take a schedule away; runs that it started go on')
    .argument('<id>', "the schedule's id")
    .action((id: string) =>
      withMuster(async (muster) => {
        await muster.schedules.delete(id);
        say(`The schedule ${id} was deleted`);
      }),
    );
}

function cells(status: ScheduleStatus): string[] {
  const { id, nodes, elastic, paused, nextAtMs, runs, firings } = status;
  const next = paused ? 'paused' : nextAtMs === null ? 'never' : `in ${formatDuration(Math.max(0, nextAtMs - Date.now()))}`;
  return [
    id,
    whenOf(status),
    elastic === null ? String(nodes) : `${elastic.min}..${elastic.max}`,
    next,
    firings.missed > 0 ? String(firings.missed) : '-',
    runs.at(-1)?.run ?? '-',
  ];
}
