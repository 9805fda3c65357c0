import type { Firing, ScheduleDetails, ScheduleStatus } from '../client/index.js';
import { describeSeconds } from '../spec/task/duration.js';
import { describeNodes } from '../spec/task/elastic.js';
import { counted } from '../spec/words.js';
import { formatDuration } from './duration.js';
import { table } from './table.js';
import { printable } from './terminal/text.js';
import { zonedText } from './zoned-text.js';

const TIMES_SHOWN = 3;
/** A start as late as this is no news. */
const USUAL_DELAY_MS = 60_000;

/** When a schedule fires, as its task file says: `0 2 * * * Europe/Berlin`. */
export function whenOf({ schedule }: Pick<ScheduleStatus, 'schedule'>): string {
  if (schedule === null) return '-';
  const { cron, everySeconds, offsetSeconds, timeZone } = schedule;
  const offset = offsetSeconds > 0 ? ` and ${describeSeconds(offsetSeconds)}` : '';
  return [...cron.map((each) => `${each} ${timeZone}`), ...(everySeconds === null ? [] : [`every ${describeSeconds(everySeconds)}${offset}`])].join(', ');
}

/** What a schedule is, did last and does next, for people. `here`: the reader's own time zone. */
export function scheduleLines(schedule: ScheduleDetails, nowMs: number, here: string): string[] {
  const { id, nodes, elastic, fleet, paused, note } = schedule;
  const noteLine = paused ? [`PAUSED: ${note || 'nobody said why'}`] : note ? [`note: ${note}`] : [];
  return [
    `${id}: ${whenOf(schedule)}; ${describeNodes(nodes, elastic)} of the fleet ${fleet}`,
    rulesOf(schedule),
    ...noteLine,
    ...missesOf(schedule),
    '',
    ...(schedule.lastFirings.length > 0 ? lastRuns(schedule, nowMs) : ['It has not started a run yet']),
    '',
    ...(schedule.nextTimesMs.length > 0 ? nextTimes(schedule, nowMs, here) : [paused ? 'It does not fire while it is paused' : 'It does not fire any more']),
  ].map(printable);
}

function rulesOf({ overlap, catchUpSeconds, onFailure, schedule, firings, timeZone }: ScheduleDetails): string {
  const { jitterSeconds = 0, startAtMs = null, endAtMs = null } = schedule ?? {};
  const rules = [
    `overlap ${overlap}`,
    `catch_up ${describeSeconds(catchUpSeconds)}`,
    ...(jitterSeconds > 0 ? [`jitter ${describeSeconds(jitterSeconds)}`] : []),
    ...(onFailure === 'pause' ? ['pause_on_failure'] : []),
    ...(startAtMs === null ? [] : [`from ${zonedText(startAtMs, timeZone)}`]),
    ...(endAtMs === null ? [] : [`until ${zonedText(endAtMs, timeZone)}`]),
  ];
  return `${rules.join(', ')}; ${counted(firings.started, 'run')} started so far`;
}

/** Whatever did not become a run: a line each, and none where there is nothing to tell. */
function missesOf({ id, firings, overlap, catchUpSeconds }: ScheduleStatus): string[] {
  const { skipped, missed, dropped, waiting } = firings;
  const before = overlap === 'buffer_one' ? 'another one waited already' : 'the run before went on';
  return [
    ...(missed > 0
      ? [
          `missed ${counted(missed, 'firing')}: Temporal was away for longer than catch_up (${describeSeconds(catchUpSeconds)}); \`muster schedule backfill ${id} --from TIME\` makes up for what was missed`,
        ]
      : []),
    ...(skipped > 0 ? [`skipped ${counted(skipped, 'firing')}: ${before} (overlap: ${overlap})`] : []),
    ...(dropped > 0 ? [`dropped ${counted(dropped, 'firing')}: too many waited for the run before`] : []),
    ...(waiting > 0 ? [`${counted(waiting, 'firing')} ${waiting === 1 ? 'waits' : 'wait'} for the run before`] : []),
  ];
}

function lastRuns({ lastFirings, schedule, timeZone }: ScheduleDetails, nowMs: number): string[] {
  const usualMs = USUAL_DELAY_MS + (schedule?.jitterSeconds ?? 0) * 1_000;
  const rows = lastFirings.map((firing) => {
    const took = firing.endedAtMs ?? (firing.phase === 'unknown' ? null : nowMs);
    const lasted = took === null ? '-' : `${formatDuration(took - firing.startedAtMs)}${firing.endedAtMs === null ? ' so far' : ''}`;
    return [zonedText(firing.scheduledAtMs, timeZone), firing.phase, lasted, firing.run, remarkOn(firing, usualMs)];
  });
  return table([`FOR (${timeZone})`, 'OUTCOME', 'TOOK', 'RUN', ''], rows);
}

function remarkOn({ phase, message, startedAtMs, scheduledAtMs }: Firing, usualMs: number): string {
  const lateMs = startedAtMs - scheduledAtMs;
  const late = lateMs > usualMs ? `started ${formatDuration(lateMs)} later` : '';
  return [late, phase === 'succeeded' || phase === 'running' ? '' : message].filter(Boolean).join('; ');
}

function nextTimes({ nextTimesMs, timeZone, paused }: ScheduleDetails, nowMs: number, here: string): string[] {
  const local = here !== timeZone;
  const head = [`NEXT (${timeZone})`, ...(local ? [`HERE (${here})`] : []), ...(paused ? ['LEFT OUT UNLESS RESUMED'] : [''])];
  const rows = nextTimesMs.slice(0, TIMES_SHOWN).map((atMs) => {
    return [zonedText(atMs, timeZone), ...(local ? [zonedText(atMs, here)] : []), atMs > nowMs ? `in ${formatDuration(atMs - nowMs)}` : 'now'];
  });
  return table(head, rows);
}
