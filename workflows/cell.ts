import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  getExternalWorkflowHandle,
  log,
  proxyActivities,
  setHandler,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { HostActivities } from '../spec/activities.js';
import { FAILURES, type Failure, type FailureType } from '../spec/failures.js';
import type { GrantedHost } from '../spec/fleet.js';
import { hostQueue } from '../spec/ids.js';
import * as messages from '../spec/messages.js';
import type { GatheredHost, NodeEnd, UngatheredHost } from '../spec/nodes.js';
import type { Roster, RosterNode } from '../spec/roster.js';
import { heartbeatSeconds } from './decisions/timing.js';

/** A host that is up answers in milliseconds; one that is silent so long is passed over. */
const ANSWER_LIMIT_SECONDS = 10;
/** What a host may take to end a process over the grace: SIGKILL, the cookie's carriers, the report. */
const STOP_MARGIN_SECONDS = 15;

/**
 * Looks after some tens of nodes of one generation: gathers their hosts, hears the sealed roster, starts the nodes and
 * reports how each ended. Ends when all its nodes have.
 */
export async function musterCell(input: messages.CellInput): Promise<void> {
  const { run, program } = input;
  const cell = workflowInfo().workflowId;
  const parent = getExternalWorkflowHandle(run.handle);
  let sealed: messages.RosterSealed | null = null;
  let stopping: messages.StopDecided | null = null;
  let stopsAsked = 0;
  let unreported: { host: string; end: NodeEnd }[] = [];
  let open = 0;

  setHandler(messages.rosterSealed, (message) => {
    sealed = message;
  });
  setHandler(messages.stopDecided, (message) => {
    stopping = message;
    stopsAsked++;
  });

  const gathered = await gather();
  await parent.signal(messages.cellGathered, gathered);
  await condition(() => sealed !== null || stopping !== null);
  if (sealed !== null) await supervise(sealed);
  else await Promise.all(input.hosts.map(end));

  async function gather(): Promise<messages.CellGathered> {
    const answers = await Promise.all(input.hosts.map(ask));
    return {
      cell,
      gathered: answers.flatMap((answer) => ('address' in answer ? [answer] : [])),
      missing: answers.flatMap((answer) => ('failure' in answer ? [answer] : [])),
    };
  }

  async function ask({ host, identity, group }: GrantedHost): Promise<GatheredHost | UngatheredHost> {
    const limit = Math.min(ANSWER_LIMIT_SECONDS, input.gatherTimeoutSeconds);
    const bringsCode = program.archives.length > 0 || program.repo !== null;
    const { startNode } = proxyActivities<HostActivities>({
      taskQueue: hostQueue(run.fleet, host),
      scheduleToStartTimeout: limit * 1000,
      scheduleToCloseTimeout: input.gatherTimeoutSeconds * 1000,
      startToCloseTimeout: (program.stopDurationSeconds + STOP_MARGIN_SECONDS + limit + (bringsCode ? input.gatherTimeoutSeconds : 0)) * 1000,
      retry: { maximumAttempts: 3, initialInterval: '200 milliseconds' },
      summary: `gather ${host}`,
    });
    try {
      return await startNode({ host, identity, run, gathering: cell, program: { ...program, commands: input.commands[group] ?? [] } });
    } catch (error) {
      const notTaken = error instanceof ActivityFailure && error.cause instanceof TimeoutFailure && error.cause.timeoutType === 'SCHEDULE_TO_START';
      const failure = failureOf(error, host, `did not answer within ${notTaken ? limit : input.gatherTimeoutSeconds} s`);
      return { host, failure, kind: failure.type === 'HostLost' ? 'silent' : 'refused' };
    }
  }

  async function supervise(message: messages.RosterSealed): Promise<void> {
    const { nodes } = JSON.parse(message.rosterBytes) as Roster;
    open = gathered.gathered.length;
    for (const host of gathered.gathered) void runOne(message, nodes, host);
    let stopped = 0;
    while (open > 0 || unreported.length > 0) {
      await condition(() => unreported.length > 0 || stopsAsked > stopped);
      if (unreported.length > 0) {
        const ends = unreported;
        unreported = [];
        await parent.signal(messages.nodesEnded, { cell, generation: message.generation, ends }).catch((error: unknown) => {
          log.warn('the run is gone', { error });
        });
      }
      if (stopsAsked > stopped) {
        stopped = stopsAsked;
        for (const host of input.hosts) void end(host);
      }
    }
  }

  async function runOne(message: messages.RosterSealed, nodes: RosterNode[], gatheredHost: GatheredHost): Promise<void> {
    const { host } = gatheredHost;
    const report = (nodeEnd: NodeEnd) => {
      open--;
      unreported.push({ host, end: nodeEnd });
    };
    const node = nodes.find((other) => other.host === host);
    const master = nodes[0];
    const identity = input.hosts.find((granted) => granted.host === host)?.identity;
    if (!node || !master || identity === undefined) {
      throw ApplicationFailure.nonRetryable(`host ${host} is not in the sealed roster`, 'Internal');
    }
    const heartbeat = heartbeatSeconds(program.hostTimeoutSeconds);
    const { runNode } = proxyActivities<HostActivities>({
      taskQueue: hostQueue(run.fleet, host),
      scheduleToStartTimeout: (program.hostTimeoutSeconds - heartbeat) * 1000,
      startToCloseTimeout: '3650 days',
      heartbeatTimeout: heartbeat * 1000,
      retry: { initialInterval: '100 milliseconds', maximumInterval: '1 second' },
      summary: `rank ${node.rank} · ${host} · ${node.address}`,
    });
    try {
      const nodeEnd = await runNode({
        host,
        identity,
        run,
        gathering: cell,
        generation: message.generation,
        startNumber: gatheredHost.startNumber,
        startReason: message.startReason,
        rank: node.rank,
        nodes: nodes.length,
        digest: message.digest,
        token: message.token,
        rendezvous: { address: master.address, port: master.port },
        rosterBytes: node.rank === 0 ? message.rosterBytes : null,
        barrierDeadlineMs: message.barrierDeadlineMs,
      });
      report(nodeEnd);
    } catch (error) {
      const failure = failureOf(error, host, `was silent for ${program.hostTimeoutSeconds} s`);
      report({
        kind: 'failed',
        failure,
        startNumber: gatheredHost.startNumber,
        endedAtMs: Date.now(),
        lastLines: '',
        clean: false,
      });
    }
  }

  /** Ends what the run has on a host; straight to its queue, since a cancellation waits for a heartbeat. */
  async function end({ host, identity }: GrantedHost): Promise<void> {
    const graceSeconds = stopping?.mode === 'now' ? 0 : program.stopDurationSeconds;
    const { stopNode } = proxyActivities<HostActivities>({
      taskQueue: hostQueue(run.fleet, host),
      scheduleToStartTimeout: ANSWER_LIMIT_SECONDS * 1000,
      startToCloseTimeout: (graceSeconds + STOP_MARGIN_SECONDS) * 1000,
      retry: { maximumAttempts: 2 },
      summary: `stop ${host}`,
    });
    const generation = stopping?.generation ?? 0;
    await stopNode({ host, identity, run, generation, gathering: cell, stopSignal: program.stopSignal, graceSeconds }).catch((error: unknown) =>
      log.warn(`${host} did not confirm the stop`, { error }),
    );
  }
}

/** What went wrong with a host, as data: its own word, or its silence. */
function failureOf(error: unknown, host: string, silence: string): Failure {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) return { type: 'HostLost', message: `Host ${host} ${silence}` };
  if (cause instanceof ApplicationFailure && cause.type && cause.type in FAILURES) {
    return { type: cause.type as FailureType, message: cause.message };
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return { type: 'Internal', message: `Host ${host}: ${message}` };
}
