import { ServiceError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { expect, it } from 'vitest';
import { isPassing } from '../../../client/ask.js';
import { TemporalRefused, TemporalUnreachable } from '../../../client/index.js';
import { called, temporalError } from '../../../client/temporal-error.js';

/** As grpc-js throws it. */
const rpc = (code: number, details = 'why') => Object.assign(new Error(`${code} ${details}`), { code, details, metadata: {} });

it.each([
  [rpc(14), TemporalUnreachable, 'Temporal cannot be reached any more (why)', true],
  [rpc(4), TemporalUnreachable, 'Temporal does not answer in time', true],
  [new ServiceError('Failed to start', { cause: rpc(8) }), TemporalUnreachable, 'Temporal is busy: its limits are used up (why)', true],
  [rpc(7), TemporalRefused, 'Temporal refuses: permission denied (why)', false],
  [new ServiceError('Failed to list', { cause: rpc(16) }), TemporalRefused, 'Temporal refuses: the credentials are missing or wrong (why)', false],
  [new NamespaceNotFoundError('nope'), TemporalRefused, 'Temporal does not know the namespace nope', false],
])('says of %s what it means, and keeps it as the cause', async (thrown, kind, message, passing) => {
  const error = await called(() => Promise.reject(thrown)).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(kind);
  expect(error).toMatchObject({ name: kind.name, message, cause: thrown });
  expect(isPassing(error)).toBe(passing);
  // Where calls lie within calls it is said once.
  expect(temporalError(error)).toBe(error);
});

it.each([new Error('a bug'), rpc(1), rpc(3), new Error('wrapped', { cause: rpc(14) })])('leaves %s as it is', (thrown) => {
  expect(temporalError(thrown)).toBe(thrown);
});
