import { ActivityCancelledError, ActivityNotFoundError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';

/** Does Temporal say that nobody waits for this activity any more? A server that was started anew without its data does not even know the namespace. */
export function isForgotten(error: unknown): boolean {
  return error instanceof ActivityNotFoundError || error instanceof ActivityCancelledError || error instanceof NamespaceNotFoundError;
}
