import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import { FAILURES, type Failure, type FailureType } from '../spec/failures.js';

/** What went wrong with a host, as data: its own word, or its silence. */
export function failureOf(error: unknown, host: string, silence: string): Failure {
  if (timeoutOf(error)) return { type: 'HostLost', message: `Host ${host} ${silence}` };
  const said = saidBy(error);
  if (said) return said;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return { type: 'Internal', message: `Host ${host}: ${cause instanceof Error ? cause.message : String(cause)}` };
}

/** What the host itself says, in one of our types; undefined where it said nothing, or something broke on the way. */
export function saidBy(error: unknown): Failure | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure) || !cause.type || !(cause.type in FAILURES)) return undefined;
  return { type: cause.type as FailureType, message: cause.message };
}

/** The time-out of an activity, if it ended so. */
export function timeoutOf(error: unknown): TimeoutFailure | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof TimeoutFailure ? cause : undefined;
}
