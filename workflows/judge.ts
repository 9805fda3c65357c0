import type { Failure } from '../spec/failures.js';
import { preflightFor } from '../spec/task/preflight.js';
import type { Restart } from '../spec/task/restart.js';
import type { Task } from '../spec/task/task.js';
import { chooseAddresses } from './addresses.js';
import { describeClosedWays } from './decisions/closed-ways.js';
import { BARRIER_RETRIES, decideOutcome, decideVerdict, describeEnd, failureOfEnd, type Outcome, type SeenEnd, type Verdict } from './decisions/outcome.js';
import { chargeKind, decideRestart, type FailedNode, type RestartDecision } from './decisions/restart.js';
import { isLive } from './live.js';
import { count } from './metrics.js';
import { become } from './node-states.js';
import { noteFailure, type RunRecord, show } from './run-record.js';
import { GANG, ranMs, stopClock } from './running-time.js';
import { tellRestart } from './tell-restart.js';

/** Decides about every end that nobody has looked at yet, starts again what starts again alone, and says how the generation stands. */
export function judgeEnds(record: RunRecord, task: Task): Outcome {
  for (const seen of [...record.ends]) {
    if (seen.verdict !== null) continue;
    stopClock(record.clocks, seen.host);
    seen.verdict = verdictOn(record, task, seen);
    if (seen.verdict.do === 'again') startAgain(record, seen, seen.verdict.delayMs);
    // Whatever comes after the first failure of the gang is collateral.
    if (seen.verdict.do === 'leave') record.departed.push(seen.host);
    if (!['done', 'again', 'leave'].includes(seen.verdict.do)) break;
  }
  show(record);
  return decideOutcome({ ends: record.ends, nodes: record.nodes.length, stopCriteria: task.stopCriteria });
}

/** Are there ends that nobody has looked at? */
export function hasNewEnds(record: RunRecord): boolean {
  return record.ends.some(({ verdict }) => verdict === null);
}

/** What is to be done about a host that could not even be gathered: as about a node that failed there. */
export function judgeRefusal(record: RunRecord, task: Task, host: string, failure: Failure): Exclude<Outcome, { kind: 'running' | 'succeeded' }> {
  const rank = record.roster?.nodes.find((node) => node.host === host)?.rank ?? record.hosts.findIndex((held) => held.host === host);
  const group = task.groups[record.hosts.find((held) => held.host === host)?.group ?? 0]?.name ?? '';
  const failed: FailedNode = { rank, group, host, failure, code: null };
  const decision = charge(record, task, failed);
  if (decision.do !== 'restart') return { kind: 'failed', failure, lastLines: '' };
  if (failure.type === 'HostStateLost') record.gone.push({ host, silent: false });
  const message = `${failure.message}; all nodes start again, ${decision.why}`;
  noteFailure(record, { generation: record.generation, rank, host, type: failure.type, message, lastLines: '', atMs: Date.now() });
  return { kind: 'restart', delayMs: decision.delayMs, failure, message };
}

/** What is to be done about hosts of an earlier generation that do not answer any more: one loss, however many they are. */
export function judgeLost(record: RunRecord, task: Task, hosts: readonly string[], failure: Failure): ReturnType<typeof judgeRefusal> {
  const decided = judgeRefusal(record, task, hosts[0] ?? '', failure);
  if (hosts.length > 1) count(record, 'muster_hosts_lost', {}, hosts.length - 1);
  if (decided.kind === 'restart') record.gone.push(...hosts.map((host) => ({ host, silent: true })));
  return decided;
}

function verdictOn(record: RunRecord, task: Task, seen: SeenEnd): Verdict {
  const { rank, group, host, end } = seen;
  if (end.kind === 'exited' && end.code === 0 && !end.stopped) return { do: 'done' };
  const { generation, barrierRetries } = record;
  const failure = failureOfEnd(seen, generation);
  const failed: FailedNode = { rank, group, host, failure, code: end.kind === 'exited' ? end.code : null };
  const isFree = failure.type === 'BarrierBroken' || failure.type === 'Superseded';
  const isClosed = failure.type === 'PeersUnreachable';
  const closed = isClosed ? noteClosedWays(record, task, end) : null;
  const restart = isFree || closed ? NO_RESTART : charge(record, task, failed);
  const leaves = chargeKind(failure.type) === 'loss' && record.phase === 'running' && canLeave(record, task, seen);
  const triesAgain = isFree || (isClosed && (mayPass(record, end) || hasOtherAddresses(record, task)));
  const verdict = decideVerdict(seen, {
    generation,
    nodes: record.nodes.length,
    retry: triesAgain && barrierRetries < BARRIER_RETRIES,
    closed,
    restart,
    leaves,
  });
  const message = 'message' in verdict ? verdict.message : 'failure' in verdict ? verdict.failure.message : `${describeEnd(seen, generation)}; ${restart.why}`;
  noteFailure(record, { generation, rank, host, type: failure.type, message, lastLines: end.lastLines, atMs: Date.now() });
  return verdict;
}

/** Do enough nodes stay, of each group, when this one leaves a gang that runs on? */
function canLeave({ nodes, departed }: RunRecord, task: Task, { host, group }: SeenEnd): boolean {
  const stay = nodes.filter((node) => node.host !== host && !departed.includes(node.host));
  return isLive(task) && stay.length >= (task.elastic?.min ?? 1) && stay.some((node) => node.group === group);
}

/** Keeps the ways that were proven closed; says which, for people. */
function noteClosedWays(record: RunRecord, task: Task, end: SeenEnd['end']): string {
  const nodes = record.roster?.nodes ?? [];
  const pairs = end.kind === 'failed' ? end.unreachable : [];
  for (const { from, to } of mayPass(record, end) ? [] : pairs) {
    const [peer, host] = [nodes[from], nodes[to]];
    if (!peer || !host) continue;
    record.unreachable.push({ host: host.host, address: host.address, peer: { host: peer.host, address: peer.address } });
  }
  return describeClosedWays(pairs, nodes, preflightFor(task.preflight, nodes.length));
}

/** An agent that is just being started anew refuses: that may be over the next time. */
function mayPass({ barrierRetries }: RunRecord, end: SeenEnd['end']): boolean {
  return barrierRetries === 0 && end.kind === 'failed' && end.unreachable.every(({ why }) => why === 'refused' || why === 'connected, no answer');
}

/** Would the hosts get other addresses now? */
function hasOtherAddresses(record: RunRecord, task: Task): boolean {
  const choice = chooseAddresses(
    record,
    task,
    record.cells.flatMap(({ answer }) => answer?.gathered ?? []),
  );
  return choice.kind === 'chosen';
}

const NO_RESTART: RestartDecision = { do: 'fail', exhausted: false, why: '' };

/** Decides by the task's rules, and charges what is decided. */
function charge(record: RunRecord, task: Task, failed: FailedNode): RestartDecision {
  const kind = chargeKind(failed.failure.type);
  const { onHostLoss } = task;
  // Before all were released one alone cannot be.
  const policy: Restart = record.phase === 'running' ? task.restart : { ...task.restart, scope: 'all' };
  const scope = kind === 'restart' ? policy.scope : 'all';
  const ran = ranMs(record.clocks, scope === 'node' ? failed.host : GANG);
  const decision = decideRestart({ policy, onHostLoss, failed, charges: record.charges, ranMs: ran, random: Math.random() });
  if (decision.do === 'restart') {
    count(record, 'muster_restarts', { scope, reason: failed.failure.type });
    record.charges.push({ kind, scope, host: failed.host, ranMs: ran, free: decision.charge === null });
    if (record.charges.length > MOST_CHARGES) record.charges.shift();
  }
  return decision;
}

/** More than any budget holds. */
const MOST_CHARGES = 2_000;

/** Has a node started again by its cell, while all others go on. */
function startAgain(record: RunRecord, { host, end }: SeenEnd, delayMs: number): void {
  record.ends = record.ends.filter((seen) => seen.host !== host);
  const node = record.nodes.find((known) => known.host === host);
  if (node) become(node, 'restarting');
  const cell = record.cells.find(({ hosts }) => hosts.some((held) => held.host === host));
  if (cell) tellRestart(record, cell, { host, startNumber: end.startNumber, delayMs });
}
