const FIELDS = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;

// To make one costs more than to use it a hundred times.
const formats = new Map<string, Intl.DateTimeFormat>();

/** `2026-11-29 02:00:00+01:00`, as `--from` takes it: what a clock in the time zone shows. */
export function zonedText(atMs: number, timeZone: string): string {
  const format = formats.get(timeZone) ?? new Intl.DateTimeFormat('en', { ...FIELDS, timeZone, timeZoneName: 'longOffset' });
  formats.set(timeZone, format);
  const parts = format.formatToParts(atMs);
  const of = (type: Intl.DateTimeFormatPartTypes) => parts.find((part) => part.type === type)?.value ?? '';
  const offset =
    of('timeZoneName')
      .replace(/^(GMT|UTC)/, '')
      .replace('+00:00', '') || 'Z';
  return `${of('year')}-${of('month')}-${of('day')} ${of('hour')}:${of('minute')}:${of('second')}${offset}`;
}

/** The time zone of this machine. */
export function localZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}
