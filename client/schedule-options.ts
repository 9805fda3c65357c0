import type { ScheduleDescription, ScheduleOptions, ScheduleOverlapPolicy } from '@temporalio/client';
import { controlQueue, runHandle } from '../spec/ids.js';
import { WORKFLOW_TYPES } from '../spec/messages.js';
import type { Overlap, TaskSchedule } from '../spec/task/schedule.js';
import type { Task } from '../spec/task/task.js';
import { metadataOf, type TaskFile } from './submitted.js';

/** The Temporal Schedule that a task's `schedule` asks for. */
export function scheduleOptions(scheduleId: string, submitted: TaskFile, task: Task, schedule: TaskSchedule): ScheduleOptions {
  const { cron, everySeconds, offsetSeconds, timeZone, overlap, catchUpSeconds, jitterSeconds, onFailure, startAtMs, endAtMs } = schedule;
  return {
    scheduleId,
    spec: {
      timezone: timeZone,
      ...(cron.length > 0 ? { cronExpressions: cron } : {}),
      ...(everySeconds === null ? {} : { intervals: [{ every: everySeconds * 1000, offset: offsetSeconds * 1000 }] }),
      ...(jitterSeconds > 0 ? { jitter: jitterSeconds * 1000 } : {}),
      ...(startAtMs === null ? {} : { startAt: new Date(startAtMs) }),
      ...(endAtMs === null ? {} : { endAt: new Date(endAtMs) }),
    },
    policies: { overlap: overlapPolicy(overlap), catchupWindow: catchUpSeconds * 1000, pauseOnFailure: onFailure === 'pause' },
    action: {
      type: 'startWorkflow',
      workflowType: WORKFLOW_TYPES.run,
      workflowId: handleStem(scheduleId),
      taskQueue: controlQueue(task.fleet),
      args: [submitted],
      ...metadataOf(task),
    },
  };
}

export function overlapPolicy(overlap: Overlap): ScheduleOverlapPolicy {
  return overlap.toUpperCase() as Uppercase<Overlap>;
}

export function overlapOf(policy: ScheduleDescription['policies']['overlap']): Overlap {
  return (policy ?? 'SKIP').toLowerCase() as Overlap;
}

/** The handle of the run that a schedule starts for this time. Temporal appends the time, to the second. */
export function scheduledHandle(scheduleId: string, atMs: number): string {
  return `${handleStem(scheduleId)}-${new Date(atMs).toISOString().slice(0, 19)}Z`;
}

/** The time for which the run was started, without jitter. */
export function timeOfHandle(handle: string): number | undefined {
  const at = Date.parse(/-(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$/.exec(handle)?.[1] ?? '');
  return Number.isNaN(at) ? undefined : at;
}

function handleStem(scheduleId: string): string {
  return runHandle(scheduleId, 'at');
}
