import { type Client, isGrpcServiceError, WorkflowNotFoundError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import { NobodyAnswers } from './errors.js';
import { temporalError } from './temporal-error.js';

/** A question is answered in milliseconds, or nobody is there to answer. */
export const ANSWER_LIMIT_MS = 10_000;
/** Whether Temporal itself answers. */
const PING_LIMIT_MS = 2_000;

// gRPC's numbers.
const CANCELLED = 1;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const FAILED_PRECONDITION = 9;
/** Invalid argument, not found, permission denied, unimplemented, unauthenticated: asking again does not help. */
const FINAL = [3, 5, 7, 12, 16];

/** The workflow is not there, or takes no more messages. */
export class NoSuchWorkflow extends Error {}

/**
 * One message to a workflow and its answer. Throws `NoSuchWorkflow`, and `NobodyAnswers` where no control
 * worker takes it within 10 s though Temporal answers; of the connection `TemporalUnreachable` and `TemporalRefused`.
 */
export async function ask<T>(client: Client, what: string, message: () => Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await client.withDeadline(Date.now() + ANSWER_LIMIT_MS, message);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new NoSuchWorkflow(error.message);
    const code = grpcCode(error);
    // The server gives up at the same time as we do, and its word for that may come first.
    const serverGaveUp = code === CANCELLED && performance.now() - began > 0.9 * ANSWER_LIMIT_MS;
    if (code === FAILED_PRECONDITION || serverGaveUp) throw new NobodyAnswers(what, { cause: error });
    if (code !== DEADLINE_EXCEEDED && !(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw temporalError(error);
    throw (await absence(client)) ?? new NobodyAnswers(what, { cause: error });
  }
}

/** The error that Temporal itself is away; undefined where it answers. */
async function absence({ connection }: Client): Promise<unknown> {
  try {
    await connection.withDeadline(Date.now() + PING_LIMIT_MS, () => connection.workflowService.getSystemInfo({}));
    return undefined;
  } catch (error) {
    return temporalError(error);
  }
}

/** Whether it may help to try again: Temporal, or whoever answers, is away for now. */
export function isPassing(error: unknown): boolean {
  const code = grpcCode(error);
  return error instanceof NobodyAnswers || (code !== undefined && !FINAL.includes(code));
}

/** What the server finds wrong with what it was sent, in its own words; undefined for any other error. */
export function invalidArgument(error: unknown): string | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (isGrpcServiceError(each) && each.code === INVALID_ARGUMENT) return each.details;
  }
  return undefined;
}

function grpcCode(error: unknown): number | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (isGrpcServiceError(each)) return each.code;
  }
  return undefined;
}
