import { expect, it } from 'vitest';
import type { Lease } from '../../../spec/fleet.js';
import { decideClaim } from '../../../workflows/decisions/claim.js';

const lease = (runId: string, request: string, state: Lease['state'] = 'held'): Lease => ({
  ...{ runId, handle: runId, epoch: 1, request, state, stop: { signal: 'SIGTERM', seconds: 30 } },
});

it.each<[string, Lease | null, ReturnType<typeof decideClaim>]>([
  ['nobody has', null, 'held'],
  ['only the host said so of', lease('mine', ''), 'held'],
  ['it was granted', lease('mine', 'request'), 'known'],
  ['it said so of before', lease('mine', 'mine'), 'known'],
  ['it gave back before it was reset', lease('mine', 'request', 'releasing'), 'held'],
  ['was granted to another', lease('other', 'request'), 'contested'],
  ['another said so of', lease('other', 'other'), 'contested'],
  ['another gave back', lease('other', 'request', 'releasing'), 'held'],
  ['has something of another', lease('other', ''), 'held'],
])('a run says that it holds a host that %s', (_, known, decision) => {
  expect(decideClaim(known, 'mine')).toBe(decision);
});
