import {
  ApplicationFailure,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ControlActivities, HostActivities } from '../spec/activities.js';
import type { Failure } from '../spec/failures.js';
import type { StopTerms } from '../spec/fleet.js';
import { hostQueue } from '../spec/ids.js';
import * as messages from '../spec/messages.js';
import { decideGrants, decideNever, describeWait, type FleetHost, type Grant, listHosts } from './decisions/lease.js';
import { decidePlan } from './decisions/plan.js';
import { LATE_MS } from './decisions/silence.js';

/** A rebuilt fleet waits so long for its hosts to say what they hold, before it grants anything. */
const QUIET_AFTER_REBUILD_MS = 15_000;
const SWEEP_FIRST_MS = 2_000;
const SWEEP_MAX_MS = 60_000;
/** For a run of which nothing else is known. */
const DEFAULT_STOP: StopTerms = { signal: 'SIGTERM', seconds: 30 };
const STOP_MARGIN_MS = 15_000;
/** Hosts that are started together announce themselves within this. */
const SETTLED_AFTER_MS = 10_000;

export interface FleetInput {
  fleet: string;
  hosts: FleetHost[];
  queue: messages.LeaseRequested[];
  epoch: number;
  quietUntilMs: number;
  /** When the last host was added. */
  grownAtMs: number;
}

const control = proxyActivities<ControlActivities>({
  startToCloseTimeout: '20 seconds',
  retry: { maximumAttempts: 3 },
});

/** Keeps the hosts of a fleet and grants them to runs, all-or-nothing, first come first served. Never ends by itself. */
export async function musterFleet(input: Partial<FleetInput> & { fleet: string }): Promise<void> {
  const state: FleetInput = { hosts: [], queue: [], epoch: 0, quietUntilMs: 0, grownAtMs: 0, ...input };
  let changed = true;
  /** Leases, as epoch and host, whose hosts are being asked to clean up. */
  const asking = new Set<string>();
  let sweepAtMs = state.queue.length > 0 ? 0 : Number.POSITIVE_INFINITY;
  let sweepEveryMs = SWEEP_FIRST_MS;

  const find = (id: string) => state.hosts.find((host) => host.facts.host === id);
  const freeHost = (host: FleetHost) => {
    host.lease = null;
    changed = true;
  };

  setHandler(messages.hosts, (asked) => listHosts(state.hosts, asked));

  setHandler(messages.plan, (asked) => decidePlan(state.hosts, state.queue.length, asked));

  setHandler(messages.hostAnnounced, ({ facts, runs, rebuilt, leaving }) => {
    const known = find(facts.host);
    const now = Date.now();
    if (known) {
      // An agent that has lost its data directory cannot tell what is left of the run.
      const knows = known.facts.identity === facts.identity;
      Object.assign(known, { facts, announcedAtMs: now, silent: false, leaving });
      if (known.lease?.state === 'releasing') {
        if (knows && !runs.some(({ runId }) => runId === known.lease?.runId)) known.lease = null;
        else release(known);
      }
    } else {
      const [run] = rebuilt ? runs : [];
      const lease = run ? { ...run, epoch: ++state.epoch, request: '', state: 'held' as const, stop: DEFAULT_STOP } : null;
      state.hosts.push({ facts, announcedAtMs: now, silent: false, leaving, drained: false, lease });
      state.grownAtMs = now;
      if (rebuilt && state.quietUntilMs === 0) {
        state.quietUntilMs = Math.max(state.quietUntilMs, now + QUIET_AFTER_REBUILD_MS);
        void callRuns();
      }
    }
    changed = true;
  });

  setHandler(messages.drain, ({ host, drained }) => {
    const known = find(host);
    if (!known) throw ApplicationFailure.nonRetryable(`The fleet ${state.fleet} knows no host ${host}`, 'NoSuchHost');
    known.drained = drained;
    changed = true;
    const held = known.lease === null ? '' : `; ${known.lease.handle} has it still`;
    return { message: drained ? `No further run gets ${host}${held}` : `${host} is in use again` };
  });

  setHandler(messages.hostCleaned, ({ host, runId }) => {
    const known = find(host);
    if (known?.lease?.runId !== runId) return;
    // Who says that is not silent, whatever was thought of it.
    known.silent = false;
    freeHost(known);
  });

  setHandler(messages.leaseRequested, (request) => {
    const known = [...state.queue, ...state.hosts.map(({ lease }) => lease)].some((other) => other?.request === request.request);
    if (known) return;
    state.queue.push(request);
    state.queue.sort((a, b) => a.askedAtMs - b.askedAtMs);
    sweepEveryMs = SWEEP_FIRST_MS;
    sweepAtMs = 0;
    changed = true;
  });

  setHandler(messages.leaseReturned, ({ runId, clean, unclean, silent, all }) => {
    state.queue = state.queue.filter((request) => request.run.runId !== runId);
    for (const host of state.hosts) {
      if (host.lease?.runId !== runId) continue;
      if (silent.includes(host.facts.host)) host.silent = true;
      if (clean.includes(host.facts.host)) freeHost(host);
      else if (all || unclean.includes(host.facts.host) || silent.includes(host.facts.host)) release(host);
    }
    changed = true;
  });

  setHandler(messages.leaseWithdrawn, ({ request }) => {
    state.queue = state.queue.filter((waiting) => waiting.request !== request);
    for (const host of state.hosts) if (host.lease?.request === request) freeHost(host);
    changed = true;
  });

  /** What waited is forgotten with the execution that knew of it. */
  async function callRuns(): Promise<void> {
    await control.callRuns(state.fleet).catch((error: unknown) => {
      if (isCancellation(error)) throw error;
    });
  }

  /** Leaves `releasing` only when the host says that nothing of the run is left. */
  function release(host: FleetHost): void {
    const lease = host.lease;
    if (lease === null) return;
    const question = `${lease.epoch}/${host.facts.host}`;
    if (asking.has(question)) return;
    lease.state = 'releasing';
    asking.add(question);
    void askToClean(host)
      .then((clean) => {
        if (host.lease?.epoch !== lease.epoch) return;
        host.silent = !clean;
        if (clean) host.lease = null;
      })
      .finally(() => {
        asking.delete(question);
        changed = true;
      });
  }

  async function askToClean(host: FleetHost): Promise<boolean> {
    const { runId, handle, stop } = host.lease ?? { runId: '', handle: '', stop: DEFAULT_STOP };
    const { stopNode } = proxyActivities<HostActivities>({
      taskQueue: hostQueue(state.fleet, host.facts.host),
      scheduleToStartTimeout: '10 seconds',
      startToCloseTimeout: stop.seconds * 1000 + STOP_MARGIN_MS,
      retry: { maximumAttempts: 2 },
      summary: `end what is left on ${host.facts.host}`,
    });
    try {
      const result = await stopNode({
        ...{ host: host.facts.host, identity: host.facts.identity },
        run: { handle, runId, name: '', fleet: state.fleet },
        generation: 0,
        gathering: null,
        stopSignal: stop.signal,
        graceSeconds: stop.seconds,
      });
      return result.clean;
    } catch (error) {
      if (isCancellation(error)) throw error;
      return false;
    }
  }

  /** Hands out a grant; one that cannot be delivered is taken back. */
  async function deliver({ request, hosts }: Grant): Promise<void> {
    const epoch = ++state.epoch;
    const granted = hosts.map(({ host }) => host);
    for (const host of state.hosts) {
      const mine = host.lease?.runId === request.run.runId;
      if (granted.includes(host.facts.host)) {
        host.lease = { runId: request.run.runId, handle: request.run.handle, epoch, request: request.request, state: 'held', stop: request.stop };
        host.silent = false;
      } else if (request.first && mine) release(host);
    }
    try {
      const run = getExternalWorkflowHandle(request.run.handle);
      await run.signal(messages.hostsGranted, { request: request.request, hosts });
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

  while (!workflowInfo().continueAsNewSuggested || asking.size > 0) {
    const quiet = state.quietUntilMs > Date.now();
    const deadlines = state.queue.map(({ deadlineMs }) => deadlineMs);
    const settles = state.queue.some(({ unmet }) => unmet === 'refuse') && state.hosts.length > 0 && !isSettled() ? [state.grownAtMs + SETTLED_AFTER_MS] : [];
    const wake = quiet ? state.quietUntilMs : Math.min(...deadlines, ...settles, state.queue.length > 0 ? sweepAtMs : Number.POSITIVE_INFINITY);
    const dueMs = Math.max(wake, Date.now());
    const ready = () => changed || (workflowInfo().continueAsNewSuggested && asking.size === 0);
    if (wake === Number.POSITIVE_INFINITY) await condition(ready);
    else await condition(ready, Math.max(1, wake - Date.now()));
    changed = false;
    const overdueMs = Date.now() - dueMs;
    // Time that went by while Temporal was away counts for nothing.
    if (overdueMs > LATE_MS) for (const request of state.queue) request.deadlineMs += overdueMs;
    if (state.quietUntilMs > Date.now()) continue;

    for (const grant of decideGrants(state.hosts, state.queue)) {
      state.queue = state.queue.filter((request) => request !== grant.request);
      await deliver(grant);
    }
    for (const request of state.queue.filter(({ deadlineMs }) => deadlineMs <= Date.now())) await timeOut(request);
    if (isSettled()) {
      for (const request of state.queue.filter(({ unmet }) => unmet === 'refuse')) {
        const why = decideNever(state.hosts, request);
        if (why !== null) await refuse(request, { type: 'CannotBeMet', message: `the run ${why}` });
      }
    }
    if (state.queue.length > 0 && sweepAtMs <= Date.now()) {
      await sweep();
      changed = true;
      sweepAtMs = Date.now() + sweepEveryMs;
      sweepEveryMs = Math.min(sweepEveryMs * 2, SWEEP_MAX_MS);
    }
  }
  await continueAsNew<typeof musterFleet>(state);
}
