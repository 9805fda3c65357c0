import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  makeContinueAsNewFunc,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import type { ControlActivities } from '../spec/activities.js';
import type { Failure } from '../spec/failures.js';
import type { FleetMemo, Lease, StopTerms } from '../spec/fleet.js';
import * as messages from '../spec/messages.js';
import { cleanHost } from './clean-host.js';
import { decideClaim } from './decisions/claim.js';
import { describeFleet } from './decisions/fleet-details.js';
import { type FleetState, newFleet, type PackedFleet, packFleet, unpackFleet } from './decisions/fleet-state.js';
import { countHosts, decideGrants, decideNever, describeWait, type FleetHost, type Grant, listHosts } from './decisions/lease.js';
import { decidePlan } from './decisions/plan.js';
import { LATE_MS } from './decisions/silence.js';
import { decideWake } from './decisions/wake.js';
import { hearFact } from './hear-fact.js';

/** A rebuilt fleet waits so long for its hosts and for runs to say what they hold, before it grants anything. */
const QUIET_MS = 15_000;
/** It calls the runs once more then: for those that Temporal did not list yet, and for grants that were on their way. */
const CALL_AGAIN_AFTER_MS = 10_000;
const SWEEP_FIRST_MS = 2_000;
const SWEEP_MAX_MS = 60_000;
/** For a run of which nothing else is known. */
const DEFAULT_STOP: StopTerms = { signal: 'SIGTERM', seconds: 30 };
/** Hosts that are started together announce themselves within this. */
const SETTLED_AFTER_MS = 10_000;

const control = proxyActivities<ControlActivities>({
  startToCloseTimeout: '20 seconds',
  retry: { maximumAttempts: 3 },
});

/** Keeps the hosts of a fleet and grants them to runs, all-or-nothing, first come first served; what is left, to those who want extra hosts. Never ends by itself. */
export async function musterFleet(input: { fleet: string; former?: PackedFleet }): Promise<void> {
  const state: FleetState = input.former ? unpackFleet(input.former) : newFleet(input.fleet);
  let changed = true;
  /** Runs that have said what they hold. */
  const answered = new Set<string>();
  /** Leases, as epoch and host, whose hosts are being asked to clean up. */
  const asking = new Set<string>();
  let sweepAtMs = state.queue.length > 0 ? 0 : Number.POSITIVE_INFINITY;
  let sweepEveryMs = SWEEP_FIRST_MS;

  const find = (id: string) => state.hosts.find((host) => host.facts.host === id);
  /** What waits with a limit: whoever wants extra hosts has nothing looked after. */
  const ordinary = () => state.queue.filter(({ extra }) => !extra);
  const leaseOf = (id: string) => find(id)?.lease ?? state.expected[id] ?? null;
  const memo = () => ({ drained: state.hosts.filter(({ drained }) => drained).map(({ facts }) => facts.host) }) satisfies FleetMemo;
  const freeHost = (host: FleetHost) => {
    host.lease = null;
    changed = true;
  };

  setHandler(messages.hosts, (asked) => listHosts(state.hosts, asked));

  setHandler(messages.census, () => countHosts(state.hosts, state.queue));

  setHandler(messages.plan, (asked) => decidePlan(state.hosts, ordinary().length, asked));

  hearFact(messages.hostAnnounced, ['facts', 'runs'], ({ facts, runs, rebuilt, leaving, drained }) => {
    if (typeof facts.host !== 'string' || !Array.isArray(runs)) throw new TypeError('an agent tells facts.host and a list of runs');
    const known = find(facts.host);
    const now = Date.now();
    if (known) {
      // An agent that has lost its data directory cannot tell what is left of the run.
      const knows = known.facts.identity === facts.identity;
      Object.assign(known, { facts, announcedAtMs: now, silent: false, leaving });
      const hasIt = runs.some(({ runId }) => runId === known.lease?.runId);
      if (known.lease?.state === 'releasing') {
        if (knows && !hasIt) known.lease = null;
        else release(known);
        // It was the run's by this host's word alone.
      } else if (known.lease?.request === '' && knows && !hasIt) known.lease = null;
    } else {
      const [run] = runs;
      const lease = state.expected[facts.host] ?? (run ? newLease(run, '', DEFAULT_STOP) : null);
      delete state.expected[facts.host];
      const host: FleetHost = { facts, announcedAtMs: now, silent: false, leaving, drained, lease };
      state.hosts.push(host);
      if (drained) upsertMemo(memo());
      state.grownAtMs = now;
      if (lease?.request === '' && answered.has(lease.handle)) release(host);
      if (rebuilt) keepQuiet();
    }
    changed = true;
  });

  hearFact(messages.hostsHeld, ['run', 'hosts', 'stop'], ({ run, answers, requests, hosts, stop }) => {
    if (answers) answered.add(run.handle);
    if (answers && hosts.length > 0) keepQuiet();
    for (const host of hosts) hear(host, run, stop);
    // What its former life wished for and was not granted, nobody would take up.
    if (requests) state.queue = state.queue.filter((waiting) => waiting.run.runId !== run.runId || requests.includes(waiting.request));
    // What a host has of the run, and the run knows nothing of, is left over.
    for (const host of state.hosts) {
      const { lease } = host;
      const isGivenUp = lease?.request === '' || (requests?.includes(lease?.request ?? '') === false && lease?.state === 'held');
      if (lease?.runId === run.runId && isGivenUp && !hosts.includes(host.facts.host)) release(host);
    }
    changed = true;
  });

  setHandler(messages.drain, (asked?: { host?: string; drained?: boolean }) => {
    const { host, drained } = { drained: true, ...asked };
    if (typeof host !== 'string') throw ApplicationFailure.nonRetryable('drain takes {"host": "…", "drained": true}', 'InvalidSpec');
    const known = find(host);
    if (!known) throw ApplicationFailure.nonRetryable(`The fleet ${state.fleet} knows no host ${host}`, 'NoSuchHost');
    known.drained = drained;
    upsertMemo(memo());
    changed = true;
    tellHolder(known);
    const held = known.lease === null ? '' : `; ${known.lease.handle} has it still: a run with a range, or with on_host_loss replace or shrink, leaves it`;
    return { message: drained ? `No further run gets ${host}${held}` : `${host} is in use again` };
  });

  hearFact(messages.hostCleaned, ['host', 'runId'], ({ host, runId }) => {
    const known = find(host);
    if (known?.lease?.runId !== runId) return;
    // Who says that is not silent, whatever was thought of it.
    known.silent = false;
    freeHost(known);
  });

  hearFact(messages.leaseRequested, ['run', 'request', 'parts', 'askedAtMs', 'deadlineMs'], (request) => {
    if (typeof request.run.runId !== 'string' || !Array.isArray(request.parts)) throw new TypeError('a run tells run.runId and a list of parts');
    const known = [...state.queue, ...state.hosts.map(({ lease }) => lease)].some((other) => other?.request === request.request);
    if (known) return;
    state.queue.push(request);
    state.queue.sort((a, b) => a.askedAtMs - b.askedAtMs);
    sweepEveryMs = SWEEP_FIRST_MS;
    sweepAtMs = 0;
    changed = true;
  });

  hearFact(messages.leaseReturned, ['runId', 'clean', 'unclean', 'silent'], ({ runId, clean, unclean, silent, all }) => {
    // A run may wait for others while those that leave it are given back.
    if (all) state.queue = state.queue.filter(({ run }) => run.runId !== runId);
    for (const [host, lease] of Object.entries(state.expected)) {
      if (lease.runId === runId && (all || [...clean, ...unclean, ...silent].includes(host))) delete state.expected[host];
    }
    for (const host of state.hosts) {
      if (host.lease?.runId !== runId) continue;
      if (silent.includes(host.facts.host)) host.silent = true;
      if (clean.includes(host.facts.host)) freeHost(host);
      else if (all || unclean.includes(host.facts.host) || silent.includes(host.facts.host)) release(host);
    }
    changed = true;
  });

  hearFact(messages.leaseWithdrawn, ['request'], ({ request }) => {
    state.queue = state.queue.filter((waiting) => waiting.request !== request);
    for (const host of state.hosts) if (host.lease?.request === request) freeHost(host);
    changed = true;
  });

  function newLease({ runId, handle }: messages.HostsHeld['run'], request: string, stop: StopTerms): Lease {
    return { runId, handle, epoch: ++state.epoch, request, state: 'held', stop };
  }

  /** The predecessor's runs and hosts are still about to say what they hold. */
  function keepQuiet(): void {
    if (state.rebuilt) return;
    state.rebuilt = true;
    state.quietUntilMs = Date.now() + QUIET_MS;
    sleep(CALL_AGAIN_AFTER_MS, { summary: 'calls the runs once more' }).then(callRuns, () => undefined);
  }

  /** Whoever announced themselves first, there may have been a fleet before: only the runs can tell. */
  async function begin(): Promise<void> {
    state.quietUntilMs = Date.now() + QUIET_MS;
    const called = await callRuns();
    if (called !== null) await condition(() => called.every((handle) => answered.has(handle)), QUIET_MS, { summary: 'limit: the runs say what they hold' });
    if (called !== null && !state.rebuilt) state.quietUntilMs = 0;
    changed = true;
  }

  /** What waited is forgotten with the execution that knew of it, and so is who holds what. Null: not all could be called. */
  async function callRuns(): Promise<string[] | null> {
    return await control.callRuns(state.fleet).catch(() => null);
  }

  /** A run holds a host. One that has not announced itself yet is its own as soon as it does. */
  function hear(id: string, run: messages.HostsHeld['run'], stop: StopTerms): void {
    const lease = leaseOf(id);
    const decision = decideClaim(lease, run.runId);
    if (decision === 'contested' && lease) void contest(id, lease, run, stop);
    if (decision !== 'held') return;
    const held = newLease(run, run.runId, stop);
    const host = find(id);
    if (host) host.lease = held;
    else state.expected[id] = held;
  }

  /** The last grant counts while its run goes on: the other run is told, which ends it. */
  async function contest(id: string, lease: Lease, run: messages.HostsHeld['run'], stop: StopTerms): Promise<void> {
    const closed = await control.findClosedRuns([lease]).catch(() => []);
    if (closed.length > 0) {
      // What an ended run has left there is nobody's claim.
      if (lease.epoch === leaseOf(id)?.epoch) lease.request = '';
      return hear(id, run, stop);
    }
    await getExternalWorkflowHandle(run.handle)
      .signal(messages.hostsTaken, { hosts: [id], by: lease.handle })
      .catch(() => undefined);
  }

  /** Leaves `releasing` only when the host says that nothing of the run is left. */
  function release(host: FleetHost): void {
    const lease = host.lease;
    if (lease === null) return;
    const question = `${lease.epoch}/${host.facts.host}`;
    if (asking.has(question)) return;
    lease.state = 'releasing';
    asking.add(question);
    const askedAtMs = Date.now();
    void cleanHost(state.fleet, host.facts, lease)
      .then((clean) => {
        if (host.lease?.epoch !== lease.epoch) return;
        host.silent = !clean;
        if (clean) host.lease = null;
      })
      .finally(() => {
        asking.delete(question);
        changed = true;
        // It came back when it was given up: an answer is to be had now.
        if (host.silent && host.lease?.epoch === lease.epoch && host.announcedAtMs > askedAtMs) release(host);
      });
  }

  /** Marks the hosts of a grant at once: nobody else is to get them, whatever is heard meanwhile. */
  function hold({ request, hosts }: Grant): number {
    const { runId } = request.run;
    const lease = newLease(request.run, request.request, request.stop);
    const granted = new Set(hosts.map(({ host }) => host));
    for (const host of state.hosts) {
      const mine = host.lease?.runId === runId;
      if (granted.has(host.facts.host)) Object.assign(host, { lease: { ...lease }, silent: false });
      else if (request.first && mine) release(host);
    }
    return lease.epoch;
  }

  /** Hands out a grant; one that cannot be delivered is taken back. */
  async function deliver({ request, hosts }: Grant, epoch: number): Promise<void> {
    try {
      const run = getExternalWorkflowHandle(request.run.handle);
      await run.signal(messages.hostsGranted, { request: request.request, hosts });
      // One that was drained while the grant was on its way.
      for (const host of state.hosts) if (host.drained && host.lease?.epoch === epoch) tellHolder(host);
    } catch (error) {
      if (isCancellation(error)) throw error;
      for (const host of state.hosts) if (host.lease?.epoch === epoch) release(host);
    }
  }

  function timeOut(request: messages.LeaseRequested): Promise<void> {
    const message = `after ${request.queueTimeoutSeconds} s in the queue the run still ${describeWait(state.hosts, request)}`;
    return refuse(request, { type: 'QueueTimeout', message });
  }

  async function refuse(request: messages.LeaseRequested, failure: Failure): Promise<void> {
    state.queue = state.queue.filter((waiting) => waiting !== request);
    await getExternalWorkflowHandle(request.run.handle)
      .signal(messages.leaseRefused, { request: request.request, failure })
      .catch((error: unknown) => {
        if (isCancellation(error)) throw error;
      });
  }

  /** Releases what runs hold that were closed without a word (terminated), forgets their wishes, and asks again who was not clean. */
  async function sweep(): Promise<void> {
    const waiting = state.queue.map(({ run }) => ({ handle: run.handle, runId: run.runId }));
    const holders = state.hosts.flatMap(({ lease }) => (lease?.state === 'held' ? [{ handle: lease.handle, runId: lease.runId }] : []));
    const asked = [...waiting, ...holders].filter((run, i, all) => all.findIndex(({ runId }) => runId === run.runId) === i);
    const closed = await control.findClosedRuns(asked).catch(() => [] as string[]);
    state.queue = state.queue.filter(({ run }) => !closed.includes(run.runId));
    for (const host of state.hosts) {
      if (host.lease?.state === 'releasing' || (host.lease && closed.includes(host.lease.runId))) release(host);
    }
  }

  /** Is it known which hosts there are? */
  const isSettled = () => state.hosts.length > 0 && Date.now() >= state.grownAtMs + SETTLED_AFTER_MS;

  const isQuiet = () => state.quietUntilMs > Date.now();
  const goesOnAnew = () => workflowInfo().continueAsNewSuggested && asking.size === 0 && !isQuiet();

  if (!input.former) begin().catch(() => undefined);
  while (!goesOnAnew()) {
    const settlesAtMs = state.hosts.length > 0 && !isSettled() ? state.grownAtMs + SETTLED_AFTER_MS : null;
    const wake = decideWake({ queue: state.queue, quietUntilMs: isQuiet() ? state.quietUntilMs : null, settlesAtMs, sweepAtMs });
    const dueMs = Math.max(wake, Date.now());
    const ready = () => changed || goesOnAnew();
    setCurrentDetails(describeFleet(state, workflowInfo().namespace));
    if (wake === Number.POSITIVE_INFINITY) await condition(ready);
    else
      await condition(ready, Math.max(1, wake - Date.now()), { summary: isQuiet() ? 'hears who holds what before it grants' : 'looks after those who wait' });
    // What comes of an update stands behind its answer, also when a signal was heard with it that in a replay comes before it, alone.
    await condition(allHandlersFinished);
    changed = false;
    const overdueMs = Date.now() - dueMs;
    // Time that went by while Temporal was away counts for nothing.
    if (overdueMs > LATE_MS) for (const request of ordinary()) request.deadlineMs += overdueMs;
    if (isQuiet()) continue;

    const grants = decideGrants(state.hosts, state.queue);
    state.queue = state.queue.filter((request) => !grants.some((grant) => grant.request === request));
    const epochs = grants.map(hold);
    for (const [i, grant] of grants.entries()) await deliver(grant, epochs[i] ?? 0);
    for (const request of ordinary().filter(({ deadlineMs }) => deadlineMs <= Date.now())) await timeOut(request);
    if (isSettled()) {
      for (const request of ordinary().filter(({ unmet }) => unmet === 'refuse')) {
        const why = decideNever(state.hosts, request);
        if (why !== null) await refuse(request, { type: 'CannotBeMet', message: `the run ${why}` });
      }
    }
    if (ordinary().length > 0 && sweepAtMs <= Date.now()) {
      await sweep();
      changed = true;
      sweepAtMs = Date.now() + sweepEveryMs;
      sweepEveryMs = Math.min(sweepEveryMs * 2, SWEEP_MAX_MS);
    }
  }
  await makeContinueAsNewFunc<typeof musterFleet>({ memo: memo() })({ fleet: state.fleet, former: packFleet(state) });
}

/** Tells the run that holds a host whether it is drained; one that is gone does not hear it. */
function tellHolder({ facts: { host }, lease, drained }: FleetHost): void {
  if (lease?.state !== 'held') return;
  getExternalWorkflowHandle(lease.handle)
    .signal(drained ? messages.hostDrained : messages.hostResumed, { host })
    .catch(() => undefined);
}
