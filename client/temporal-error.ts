import { isGrpcServiceError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { TemporalUnreachable } from '../connection/dial.js';
import { TemporalRefused } from './errors.js';
import { AWAY, REFUSED } from './rpc-words.js';

/** gRPC's number. */
const DEADLINE_EXCEEDED = 4;

/** One call to Temporal. What is the server's or the wire's doing is thrown as `TemporalUnreachable` or `TemporalRefused`, with the SDK's error as `cause`. */
export async function called<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw temporalError(error);
  }
}

/** The error as the library throws it; any other one as it is. */
export function temporalError(error: unknown): unknown {
  if (error instanceof NamespaceNotFoundError) return new TemporalRefused(`Temporal does not know the namespace ${error.namespace}`, { cause: error });
  const rpc = isGrpcServiceError(error) ? error : causeOf(error);
  if (rpc === undefined) return error;
  // How a deadline passed is gRPC's own business.
  const words = rpc.details === '' || rpc.code === DEADLINE_EXCEEDED ? '' : ` (${rpc.details})`;
  if (rpc.code in AWAY) return new TemporalUnreachable(`${AWAY[rpc.code]}${words}`, { cause: error });
  return rpc.code in REFUSED ? new TemporalRefused(`${REFUSED[rpc.code]}${words}`, { cause: error }) : error;
}

/** The SDK wraps what the connection throws in an error of its own. */
function causeOf(error: unknown): { code: number; details: string } | undefined {
  if (!(error instanceof Error) || error.name !== 'ServiceError') return undefined;
  return isGrpcServiceError(error.cause) ? error.cause : undefined;
}
