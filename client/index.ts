/** Muster's library: start runs of many nodes, follow them, stop them. */

export { ServerTooOld, TemporalUnreachable } from '../connection/dial.js';
export { BadConnectionConfig, type TemporalOptions } from '../connection/options.js';
export type { CommandStream } from '../spec/commands.js';
export type { Failure, FailureOrigin, FailureType } from '../spec/failures.js';
export type { HostStatus } from '../spec/fleet.js';
export type { Plan, StopAnswer, StopMode } from '../spec/messages.js';
export type { FailureNote, FormerNode, NodeState, NodeStatus, Resize, RunPhase, RunStatus } from '../spec/nodes.js';
export type { ResizeWish } from '../spec/resize.js';
export type { Roster, RosterNode } from '../spec/roster.js';
export type { Problem } from '../spec/task/parse.js';
export type { Overlap, TaskSchedule } from '../spec/task/schedule.js';
export { type ConnectOptions, connect, Muster } from './connect.js';
export type { Check } from './doctor/check.js';
export { type DiagnoseOptions, diagnose } from './doctor/diagnose.js';
export {
  CommandLost,
  CommandRefused,
  CommandTimedOut,
  FiringRefused,
  HostNotFound,
  InvalidTask,
  NobodyAnswers,
  RankNotFound,
  RescaleRefused,
  RunEnded,
  RunNotFound,
  ScheduleNotFound,
  TemporalRefused,
  WaitTimedOut,
} from './errors.js';
export type { ExecOptions, ExecPiece, ExecResult, RunningCommand } from './exec.js';
export type { FollowOptions, OutputChoice, RunEvent } from './follow.js';
export { LineAssembler } from './lines.js';
export type { OutputPiece } from './pieces.js';
export { type LogOptions, type RescaleOptions, Run, type WaitOptions } from './run.js';
export type { RunsFound, SearchOptions } from './run-search.js';
export type { RunSummary } from './run-summary.js';
export { type ListOptions, type RunFilter, Runs, type StartOptions } from './runs.js';
export type { Firing, FiringCounts, ScheduleDetails, ScheduleStatus } from './schedule-status.js';
export { type Applied, type ApplyOptions, type Backfill, type BackfillOptions, type PauseAnswer, Schedules, type TriggerAnswer } from './schedules.js';
export type { StoryEvent, StoryKind } from './story/event.js';
export type { TaskFile } from './submitted.js';
