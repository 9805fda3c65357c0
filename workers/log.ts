import pino, { type Logger } from 'pino';
import { stderrLog } from './log-sink.js';

/**
 * The logger of a process: one JSON object a line on stderr, at level `silent` nothing. To log never throws, and never waits for a disk or a reader. `fields` are on every line. The level is `MUSTER_LOG`, else
 * what is given. docs/operating.md lists the fields.
 */
export function createLogger(name: string, fields: Record<string, string> = {}, level = 'warn'): Logger {
  const options = { name, level: process.env['MUSTER_LOG'] || level, formatters: { level: (label: string) => ({ level: label }) } };
  return pino({ ...options, timestamp: pino.stdTimeFunctions.isoTime }, stderrLog).child(fields);
}
