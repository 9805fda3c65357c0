import type { NodeEnd } from '../../spec/nodes.js';
import type { Agent } from './agent.js';
import { causeOf } from './host-metrics.js';
import type { StartRecord } from './store.js';

/** The fields by which a node is named in every line about it. */
export function nodeFields({ run, generation, rank, startNumber }: StartRecord): Record<string, string | number> {
  return { run: run.handle, generation, rank, start: startNumber };
}

/** Its program was released. */
export function noteStarted({ log, metrics }: Agent, record: StartRecord): void {
  metrics.started();
  log.info({ event: 'node-started', ...nodeFields(record), address: record.address, reason: record.reason }, 'a program was released');
}

/** It has ended, and why. */
export function noteEnded({ log, metrics }: Agent, record: StartRecord, end: NodeEnd): void {
  metrics.ended(end);
  const cause = causeOf(end);
  const more = end.kind === 'exited' ? { exitCode: end.code } : { message: end.failure.message };
  const level = cause === 'Succeeded' || cause === 'Stopped' ? 'info' : 'warn';
  log[level]({ event: 'node-ended', ...nodeFields(record), cause, ...more, clean: end.clean }, 'a node has ended');
}
