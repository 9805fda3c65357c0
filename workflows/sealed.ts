import type { GrantedHost } from '../spec/fleet.js';
import type { RosterSealed } from '../spec/messages.js';
import { type Roster, rosterBytes, rosterDigest } from '../spec/roster.js';
import { preflightFor } from '../spec/task/preflight.js';
import type { Task } from '../spec/task/task.js';
import type { RunRecord } from './run-record.js';

/** A list, as the cells of all its nodes hear of it. */
export function sealedMessage(
  { preflight: wanted }: Task,
  { token, startReason, replaced, fence: former }: RunRecord,
  { roster, hosts, barrierDeadlineMs }: { roster: Roster; hosts: readonly GrantedHost[]; barrierDeadlineMs: number },
): RosterSealed {
  const bytes = rosterBytes(roster);
  const { generation, nodes } = roster;
  // Who is back needs no fence: its agent has ended what it had.
  const fence = former.filter(({ host }) => !nodes.some((node) => node.host === host));
  const identities = nodes.map(({ host }) => hosts.find((held) => held.host === host)?.identity ?? '');
  const preflight = preflightFor(wanted, nodes.length);
  return { generation, rosterBytes: bytes, digest: rosterDigest(bytes), identities, token, barrierDeadlineMs, startReason, replaced, preflight, fence };
}
