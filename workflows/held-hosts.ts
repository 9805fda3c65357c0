import { CancellationScope, condition, getExternalWorkflowHandle, sleep } from '@temporalio/workflow';
import { fleetWorkflowId } from '../spec/ids.js';
import * as messages from '../spec/messages.js';
import { withDrained, withoutDrained } from './decisions/drained.js';
import { noteFailure, type RunRecord, show, stopTermsOf } from './run-record.js';

/**
 * A fleet has begun anew: asks it again for what the run waits for, and tells it which of its hosts the run holds, newcomers too; none where
 * it is the fleet of others.
 */
export function answerFleet(record: RunRecord, fleet: string): Promise<void> {
  // A run that is being cancelled holds its hosts until it has ended.
  return CancellationScope.nonCancellable(() => answer(record, fleet));
}

/**
 * Tells the fleet what the run holds, without waiting: a run that was reset may hold hosts that its former life has given back, and that others may
 * have by now.
 */
export function claimHosts(record: RunRecord, requests?: string[]): void {
  void tell(record, record.ref.fleet, { answers: false, ...(requests ? { requests } : {}), hosts: heldBy(record) });
}

/** Takes note of a grant, for who waits for it. One that was on its way when its wish was withdrawn is taken back by the fleet. */
export function hearGrant(record: RunRecord, granted: messages.HostsGranted): void {
  // What is granted too late is being given back already.
  if (!record.requests.includes(granted.request)) return;
  record.granted.push(granted);
  // What is granted was not drained then.
  record.drained = withoutDrained(
    record.drained,
    granted.hosts.map(({ host }) => host),
  );
}

/** A host that was granted, and is not taken up yet, counts as held. */
export function hearDrained(record: RunRecord, { host }: messages.HostDrained): void {
  record.drained = withDrained(record.drained, heldBy(record), host);
}

export function hearRefusal(record: RunRecord, refused: messages.LeaseRefused): void {
  if (record.requests.includes(refused.request)) record.refused.push(refused);
}

export function hearResumed(record: RunRecord, { host }: messages.HostResumed): void {
  record.drained = withoutDrained(record.drained, [host]);
}

/** Stops the run: a host is never shared, and who was granted it last knows nothing of this one. */
export function yieldHosts(record: RunRecord, { hosts, by }: messages.HostsTaken): void {
  const host = hosts.find((id) => heldBy(record).includes(id));
  if (host === undefined || record.stopWanted !== null) return;
  const rank = record.nodes.find((node) => node.host === host)?.rank ?? 0;
  const message = `The fleet did not know that this run holds ${host}, and gave it to ${by}; this run is stopped`;
  noteFailure(record, { generation: record.generation, rank, host, type: 'HostLost', message, lastLines: '', atMs: Date.now() });
  record.stopWanted = { mode: 'graceful', by: 'Stopped' };
  show(record);
}

async function answer(record: RunRecord, fleet: string): Promise<void> {
  // What is done before the task is read may come after it in a replay.
  await condition(() => record.task !== null || record.endedAtMs !== null);
  if (fleet === record.ref.fleet) record.fleetRebuilds++;
  // A grant that came with the question is taken up first.
  await sleep(1);
  await tell(record, fleet, { answers: true, hosts: fleet === record.ref.fleet ? heldBy(record) : [] });
}

async function tell(record: RunRecord, fleet: string, said: Pick<messages.HostsHeld, 'answers' | 'requests' | 'hosts'>): Promise<void> {
  const { runId, handle } = record.ref;
  await getExternalWorkflowHandle(fleetWorkflowId(fleet))
    .signal(messages.hostsHeld, { run: { runId, handle }, ...said, stop: stopTermsOf(record) })
    .catch(() => undefined);
}

function heldBy({ givenBack, hosts, newcomers, spares, growth, granted }: RunRecord): string[] {
  if (givenBack) return [];
  const held = [...hosts, ...(newcomers?.hosts ?? []), ...spares.map(({ host }) => host), ...growth.hosts, ...granted.flatMap((grant) => grant.hosts)];
  return [...new Set(held.map(({ host }) => host))];
}
