import type { Client, ScheduleDescription } from '@temporalio/client';
import type { RunPhase } from '../spec/nodes.js';
import type { Elastic } from '../spec/task/elastic.js';
import { parseTask } from '../spec/task/parse.js';
import type { Overlap, TaskSchedule } from '../spec/task/schedule.js';
import { NobodyAnswers, RunNotFound } from './errors.js';
import { Run } from './run.js';
import { overlapOf, timeOfHandle } from './schedule-options.js';

/** A schedule as `muster schedule list` shows it. */
export interface ScheduleStatus {
  id: string;
  name: string;
  fleet: string;
  /** Of a range the least. */
  nodes: number;
  /** null unless `nodes` is a range. */
  elastic: Elastic | null;
  /** null where it was made with other means than `apply`. */
  schedule: TaskSchedule | null;
  /** By which Temporal reads its cron expressions. */
  timeZone: string;
  overlap: Overlap;
  catchUpSeconds: number;
  onFailure: 'continue' | 'pause';
  paused: boolean;
  /** Why it is as it is, by whom: what was said at the last pause or resume. */
  note: string;
  /** The newest last; at most ten. */
  runs: { run: string; scheduledAtMs: number }[];
  /** The handles of runs that go on. With `overlap: allow_all` Temporal does not watch them. */
  running: string[];
  /** null: it never fires again, or it is paused and Temporal does not count on. Of a paused schedule: left out unless it is resumed. */
  nextAtMs: number | null;
  /** The next ten, or fewer where it ends or is paused. */
  nextTimesMs: number[];
  firings: FiringCounts;
}

/** What became of all firings since the schedule was made. */
export interface FiringCounts {
  started: number;
  /** The run before went on, and `overlap` is `skip`; or another one waited already, and it is `buffer_one`. */
  skipped: number;
  /** Temporal was away for longer than `catch_up` says. */
  missed: number;
  /** Too many waited for the run before. */
  dropped: number;
  /** Wait now for the run before. */
  waiting: number;
}

/** A run that a schedule has started, and how it went. */
export interface Firing {
  run: string;
  /** Without jitter: `MUSTER_SCHEDULED_TIME`. */
  scheduledAtMs: number;
  startedAtMs: number;
  endedAtMs: number | null;
  /** `unknown`: Temporal does not keep the run any more, or `message` says why. */
  phase: RunPhase | 'unknown';
  /** For people. */
  message: string;
}

export interface ScheduleDetails extends ScheduleStatus {
  /** The last ten, the newest last. */
  lastFirings: Firing[];
}

export function statusOf({ scheduleId, spec, policies, state, info, action, raw }: ScheduleDescription): ScheduleStatus {
  const parsed = parseTask(action.args?.[0], { defaultName: scheduleId });
  // While a schedule is paused, what it says is as old as the pause.
  const times = info.nextActionTimes.map((time) => time.getTime()).filter((atMs) => !state.paused || atMs > Date.now());
  const { name, fleet, nodes, elastic, schedule } = parsed.ok ? parsed.task : { name: scheduleId, fleet: '', nodes: 0, elastic: null, schedule: null };
  return {
    ...{ id: scheduleId, name, fleet, nodes, elastic, schedule },
    timeZone: spec.timezone || 'UTC',
    overlap: overlapOf(policies.overlap),
    catchUpSeconds: policies.catchupWindow / 1000,
    onFailure: policies.pauseOnFailure ? 'pause' : 'continue',
    paused: state.paused,
    note: state.note ?? '',
    runs: recent(info).map(({ run, scheduledAtMs }) => ({ run, scheduledAtMs })),
    running: info.runningActions.map(({ workflow }) => workflow.workflowId),
    nextAtMs: times[0] ?? null,
    nextTimesMs: times,
    firings: {
      started: info.numActionsTaken,
      skipped: info.numActionsSkippedOverlap,
      missed: info.numActionsMissedCatchupWindow,
      dropped: Number(raw.info?.bufferDropped ?? 0),
      waiting: Number(raw.info?.bufferSize ?? 0),
    },
  };
}

/** The same with how its last runs went, as Temporal and the runs themselves say. */
export async function detailsOf(client: Client, description: ScheduleDescription): Promise<ScheduleDetails> {
  const lastFirings = recent(description.info).map(async ({ run, scheduledAtMs, takenAtMs, firstExecutionRunId }): Promise<Firing> => {
    const known = { run, scheduledAtMs, startedAtMs: takenAtMs, endedAtMs: null };
    try {
      const { phase, message, endedAtMs } = await new Run(client, run, { firstExecutionRunId }).status();
      return { ...known, endedAtMs, phase, message };
    } catch (error) {
      if (error instanceof RunNotFound) return { ...known, phase: 'unknown', message: 'Temporal does not keep it any more' };
      if (error instanceof NobodyAnswers) return { ...known, phase: 'unknown', message: error.message };
      throw error;
    }
  });
  return { ...statusOf(description), lastFirings: await Promise.all(lastFirings) };
}

/** A firing that was made up for again has the handle of the first one: only the newer counts. */
function recent({ recentActions }: ScheduleDescription['info']) {
  const taken = recentActions.map(({ action: { workflow }, scheduledAt, takenAt }) => ({
    run: workflow.workflowId,
    firstExecutionRunId: workflow.firstExecutionRunId,
    scheduledAtMs: timeOfHandle(workflow.workflowId) ?? scheduledAt.getTime(),
    takenAtMs: takenAt.getTime(),
  }));
  return taken.filter(({ run }, index) => !taken.slice(index + 1).some((later) => later.run === run));
}
