import { workflowInfo } from '@temporalio/workflow';

/**
 * For when a schedule has started this workflow: `2026-01-31T01:00:00Z`, before any jitter, also at a backfill; null where none has. Temporal says so in a search
 * attribute of its own, which lasts over every continue-as-new and Reset.
 */
export function scheduledTime(): string | null {
  const time = workflowInfo().typedSearchAttributes.get({ name: 'TemporalScheduledStartTime', type: 'DATETIME' });
  return time === undefined ? null : `${time.toISOString().slice(0, 19)}Z`;
}
