import { parseDuration } from './duration.js';
import { UsageError } from './exit.js';

/** The moment that is so long ago (`10m`, `1h30m`; a bare number counts seconds), or that is named (`2026-11-28T10:00:00Z`; without a zone, as this machine's clock has it). Throws `UsageError`. */
export function parseMoment(option: string, nowMs: () => number = Date.now): (text: string) => Date {
  return (text) => {
    if (/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text)) {
      const moment = new Date(text.length === 10 ? `${text}T00:00:00` : text.replace(' ', 'T'));
      if (!Number.isNaN(moment.getTime())) return moment;
    } else if (/^[\d.]+[a-z\d.]*$/.test(text)) {
      try {
        return new Date(nowMs() - parseDuration(text));
      } catch {
        // Said below, with both ways.
      }
    }
    throw new UsageError(`${option} takes how long ago, such as 10m, or a time, such as 2026-11-28T10:00:00Z, not ${JSON.stringify(text)}`);
  };
}
