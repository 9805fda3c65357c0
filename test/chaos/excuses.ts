import { type Away, awayOf, blackoutsOf, type Evidence } from './evidence.js';
import type { Line } from './journal.js';

/** What a host that is back may take, over `stop_duration`, to learn what it missed and to end what it should not have any more. */
const BACK_GRACE_S = 10;
/** How much later than Temporal and a control worker are back a host may reach them again. */
const BLACKOUT_GRACE_S = 5;

/**
 * Whether a host may still have what it should not at this moment: it does not answer, or has answered again for too short a time to know. With
 * `fencing: strict` being cut off is no excuse.
 */
export function excuses({ run, faults }: Pick<Evidence, 'run' | 'faults'>): (host: string, atS: number) => boolean {
  const blackouts = blackoutsOf(faults).map(({ fromS, untilS }) => ({ fromS, untilS: untilS + BLACKOUT_GRACE_S }));
  const away = awayOf(faults).filter(({ how }) => how !== 'cut' || run.task.fencing !== 'strict');
  const over = away.map((one) => ({ ...one, untilS: answersAgainS(one, BACK_GRACE_S + run.task.stopDurationSeconds, blackouts) }));
  return (host, atS) => over.some((one) => one.host === host && one.fromS <= atS && atS <= one.untilS);
}

/** The time for a host that is back counts only while there is somebody to learn from. */
function answersAgainS({ untilS }: Away, graceS: number, blackouts: readonly { fromS: number; untilS: number }[]): number {
  let endS = untilS + graceS;
  for (const blackout of [...blackouts].sort((a, b) => a.fromS - b.fromS)) {
    if (blackout.fromS < endS && blackout.untilS > untilS) endS += blackout.untilS - Math.max(untilS, blackout.fromS);
  }
  return endS;
}

/** Which process, and when it did what. */
export function nameOf({ generation, rank, host, startNumber, pid, event, atS }: Line): string {
  const what = event === 'start' ? 'start' : event === 'helper' ? 'a helper of start' : 'process of start';
  return `${what} ${startNumber} of ${host} (generation ${generation}, rank ${rank}, pid ${pid}, ${event} at ${atS})`;
}
