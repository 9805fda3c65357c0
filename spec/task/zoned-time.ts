import { Cron } from 'croner';

/** `2026-12-01T06:00:00Z`. */
export function utcText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

export const TIME_WHAT = 'a time such as `2026-12-01`, `2026-12-01 06:00` or `2026-12-01T06:00:00Z`';

const FORM = /^(\d{4}-\d\d-\d\d)(?:[T ]([0-2]\d:[0-5]\d)(?::([0-5]\d)(?:\.0+)?)?)? ?(Z|[+-]\d\d:?[0-5]\d)?$/i;

/**
 * Epoch milliseconds of a date or a time: as a clock in the time zone shows it, unless the text itself ends in `Z` or an offset. Of a time that comes twice when the
 * clocks go back the first; a time that they leave out is as much later. undefined for every other text.
 */
export function readZonedTime(text: string, timeZone: string): number | undefined {
  const [, date = '', minutes = '00:00', seconds = '00', offset = 'Z'] = FORM.exec(text.trim()) ?? [];
  const written = `${date}T${minutes}:${seconds}`;
  const plain = Date.parse(`${written}Z`);
  // Of 30 February JavaScript makes 2 March.
  if (Number.isNaN(plain) || new Date(plain).toISOString() !== `${written}.000Z`) return undefined;
  const given = FORM.exec(text.trim())?.[4];
  if (given === undefined) return new Cron(written, { timezone: timeZone, paused: true }).nextRun(new Date(0))?.getTime();
  const epochMs = Date.parse(`${written}${offset.toUpperCase().replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}
