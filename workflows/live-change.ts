import { condition, getExternalWorkflowHandle } from '@temporalio/workflow';
import type { NodeUpdate } from '../spec/activities.js';
import * as messages from '../spec/messages.js';
import type { GatheredHost, NodeEnd } from '../spec/nodes.js';
import type { Roster, RosterNode } from '../spec/roster.js';
import { preflightFor } from '../spec/task/preflight.js';
import type { Task } from '../spec/task/task.js';
import { chooseAddresses } from './addresses.js';
import { describeClosedWays } from './decisions/closed-ways.js';
import { decideOutcome, type Outcome } from './decisions/outcome.js';
import { decideRoster, withLivingMaster } from './decisions/seal.js';
import { noteChange, noteLost, noteRefused } from './flapping.js';
import { dismissNewcomers, giveBack, tellCells } from './gather.js';
import { noteSizes } from './live.js';
import { noteSeats, STRICT_MARGIN_MS } from './members.js';
import { count } from './metrics.js';
import { noteStarts, recordEnds } from './node-states.js';
import { dropWish, putBack, wishFulfilled } from './rescale.js';
import { type Cell, enter, type RunRecord, show } from './run-record.js';
import { startClock, stopClock } from './running-time.js';
import { sealedMessage } from './sealed.js';
import { useSpares } from './spares.js';

/** From the proposal until all nodes, those that stay and those that come, must have met. */
const MEETING_MS = 30_000;
/** All have said how it went by so long after it. */
const MEETING_MARGIN_MS = 15_000;
/** Who leaves may take so long over its grace to say that nothing is left. */
const LEAVE_MARGIN_MS = 30_000;
/** A change that fails though nothing stands in the way for good is tried again so often. */
const TRIES = 2;
const UNHEARD: readonly string[] = ['HostLost', 'Internal'];
const TRY_AGAIN_MS = 1_000;
const TRY_AGAIN_MAX_MS = 60_000;

type Changed = { kind: 'made' } | { kind: 'interrupted' } | { kind: 'failed'; why: string; again: boolean };

/** Makes a change that a wish asked for, beside the running gang: newcomers come in, `leave` go. Where it fails nothing has changed, and the wish is refused. */
export async function resizeLive(record: RunRecord, task: Task, leave: readonly string[], gangEnds: () => boolean): Promise<void> {
  const changed = await propose(record, task, leave, gangEnds);
  if (changed.kind !== 'made' && (changed.kind === 'interrupted' || (changed.again && record.changeTries++ < TRIES))) return await putBack(record, task);
  record.changeTries = 0;
  if (changed.kind === 'made') return;
  const { newcomers, resizing } = record;
  // Before they are free again.
  if (newcomers !== null && resizing === null) noteRefused(record, task, newcomers.hosts);
  await dismissNewcomers(record, task);
  dropWish(record, changed.why);
}

/** Goes on without hosts that were lost, for as long as it takes. An outcome: what is left has ended by now. */
export async function leaveOut(record: RunRecord, task: Task, gangEnds: () => boolean): Promise<Exclude<Outcome, { kind: 'running' }> | null> {
  const lost = [...record.departed];
  const { stopCriteria } = task;
  // Where nobody is left who runs there is nobody to tell.
  const left = record.ends.filter(({ host }) => !lost.includes(host));
  const over = decideOutcome({ ends: left, nodes: record.nodes.length - lost.length, stopCriteria });
  if (over.kind !== 'running') return over;
  noteSeats(record, lost);
  if (task.onHostLoss === 'replace' && task.groups.length === 1 && task.fencing !== 'strict') useSpares(record, lost.length);
  const changed = await propose(record, task, lost, gangEnds);
  if (changed.kind !== 'made') await dismissNewcomers(record, task);
  if (changed.kind === 'failed') {
    record.message = `Going on without ${lost.join(', ')} has to wait: ${changed.why}`;
    show(record);
    const seen = record.ends.length;
    await condition(() => gangEnds() || record.ends.length > seen || record.departed.length > lost.length, pauseMs(record), {
      summary: 'tries again to leave lost hosts out',
    });
  }
  if (changed.kind !== 'made') return null;
  record.changeTries = 0;
  record.departed = record.departed.filter((host) => !lost.includes(host));
  if (task.onHostLoss === 'shrink') noteSizes(record, task);
  noteLost(record, lost);
  // Whatever a lost host may still run has ended by itself before another takes its place.
  if (task.fencing === 'strict' && task.onHostLoss === 'replace')
    await condition(gangEnds, task.stopDurationSeconds * 1000 + STRICT_MARGIN_MS, { summary: 'fencing: the lost hosts have stopped by then' });
  const outcome = decideOutcome({ ends: record.ends, nodes: record.nodes.length, stopCriteria });
  return outcome.kind === 'running' ? null : outcome;
}

/** Gives all the list as it is, under a newer generation: some may have taken over one that came to nothing. */
export async function confirmList(record: RunRecord, task: Task, gangEnds: () => boolean): Promise<void> {
  const changed = await propose(record, task, [], gangEnds);
  record.uncertain = changed.kind !== 'made';
  if (changed.kind !== 'failed') return;
  await condition(() => gangEnds() || record.departed.length > 0, pauseMs(record), { summary: 'tries again to give all the same list' });
}

/** Before the next try, and twice as long before the one after it. */
function pauseMs(record: RunRecord): number {
  return Math.min(TRY_AGAIN_MS * 2 ** record.changeTries++, TRY_AGAIN_MAX_MS);
}

/** Has all nodes of the next list meet, and settles what comes of it. */
async function propose(record: RunRecord, task: Task, leave: readonly string[], gangEnds: () => boolean): Promise<Changed> {
  const { roster } = record;
  if (roster === null) return { kind: 'interrupted' };
  const newcomers = record.newcomers ?? { hosts: [], cells: [] };
  const hosts = [...record.hosts.filter(({ host }) => !leave.includes(host)), ...newcomers.hosts];
  const stay = roster.nodes.filter(({ host }) => !leave.includes(host));
  const came = newcomers.cells.flatMap(({ id, answer }) => (answer?.gathered ?? []).map((host) => ({ ...host, gathering: id })));
  const gathered = [...stay.flatMap((node) => asGathered(record, node) ?? []), ...came];
  const choice = chooseAddresses(record, task, gathered);
  if (choice.kind === 'failed') return { kind: 'failed', why: choice.failure.message, again: false };
  const addressOf = (host: string) => choice.hosts.find((chosen) => chosen.host === host);
  const next = decideRoster({
    ...{ runId: record.ref.runId, granted: hosts, groups: task.groups.map(({ name }) => name), pinned: task.hosts },
    ...{ previous: withLivingMaster(roster, stay), generation: Math.max(record.generation, record.proposed) },
    gathered: gathered.map((host) => ({ ...host, address: addressOf(host.host)?.address ?? '', interface: addressOf(host.host)?.interface ?? '' })),
  });
  const barrierDeadlineMs = Date.now() + MEETING_MS;
  record.proposed = next.generation;
  const sealed = sealedMessage(task, { ...record, startReason: 'rescale', replaced: [] }, { roster: next, hosts, barrierDeadlineMs });
  const reports: NonNullable<RunRecord['change']> = { generation: next.generation, sealed, released: false, reports: [], ends: [] };
  record.change = reports;
  await Promise.all([
    tellCells(record.cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.changeProposed, sealed)),
    tellCells(newcomers.cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.rosterSealed, sealed)),
  ]);
  const updates = () => reports.reports.flatMap((report) => report.updates);
  // All take it over together: one that has it stands for all. Where nobody stays, the newcomers were released.
  const isMade = () => reports.released || updates().some(({ update }) => update.kind === 'updated');
  // Another one takes the place of a cell that was ended from outside, and hears of the change.
  const hasEnded = (host: string) => record.ends.some((seen) => seen.host === host);
  const isIn = () =>
    record.cells.every(({ id, closed, hosts: own }) => reports.reports.some(({ cell }) => cell === id) || (closed && own.every(({ host }) => hasEnded(host))));
  const tell = (outcome: messages.ChangeSettled['outcome'], cells: readonly Cell[] = record.cells) => {
    const message = { generation: next.generation, outcome, leave: [...leave] };
    const hasSaid = (cell: string) => outcome !== 'made' || reports.reports.some((report) => report.cell === cell);
    return tellCells(cells, (cell) => getExternalWorkflowHandle(cell).signal(messages.changeSettled, { ...message, sealed: hasSaid(cell) ? null : sealed }));
  };
  const hasFailed = () => reports.ends.length > 0 || updates().some(({ update }) => update.kind === 'failed');
  await condition(() => isMade() || hasFailed() || (isIn() && stay.length > 0) || gangEnds(), MEETING_MS + MEETING_MARGIN_MS, {
    summary: 'limit: the nodes of the new list have met',
  });
  if (!isMade() && !isIn() && !gangEnds()) {
    await tell('doubted');
    await condition(() => isMade() || isIn() || gangEnds(), MEETING_MS, { summary: 'limit: each node says whether it has the new list' });
  }
  record.change = null;
  const told = record.cells;
  if (isMade()) {
    // Before anybody is told: what they say then is about the new list.
    takeOver(record, task, next, { leave, came, reasonOf: (host) => addressOf(host)?.reason });
    for (const message of reports.ends) recordEnds(record, message);
    await tell('made', told);
    return { kind: 'made' };
  }
  record.proposed = Math.max(record.proposed, ...updates().map(({ update }) => (update.kind === 'failed' ? (update.newest ?? 0) : 0)));
  // Who was not heard may have taken it over.
  const isUnheard = stay.length > 0 && !isIn();
  record.uncertain ||= isUnheard || updates().some(({ update }) => update.kind === 'failed' && UNHEARD.includes(update.failure.type));
  await tell('dropped', told);
  if (gangEnds()) return { kind: 'interrupted' };
  return whyNot(
    task,
    next,
    updates(),
    reports.ends.flatMap(({ ends }) => ends),
  );
}

/** A node that stays, as its host was gathered once: with the address that it has. */
function asGathered(record: RunRecord, node: RosterNode): GatheredHost | undefined {
  const known = record.cells.flatMap(({ answer }) => answer?.gathered ?? []).findLast(({ host }) => host === node.host);
  if (known === undefined) return undefined;
  const { masterPort = null } = record.roster ?? {};
  return {
    ...known,
    candidates: known.candidates.filter(({ address, interface: name }) => address === node.address && name === node.interface),
    freePort: node.rank === 0 ? masterPort : null,
  };
}

/** The new list holds: the run is what it says. */
function takeOver(
  record: RunRecord,
  task: Task,
  next: Roster,
  {
    leave,
    came,
    reasonOf,
  }: { leave: readonly string[]; came: readonly (GatheredHost & { gathering: string })[]; reasonOf: (host: string) => string | undefined },
): void {
  const former = record.nodes;
  const newcomers = record.newcomers ?? { hosts: [], cells: [] };
  for (const { host, gathering, startNumber } of came) record.seats[host] = { gathering, startNumber };
  record.nodes = next.nodes.map(({ port: _port, ...node }) => {
    const before = former.find(({ host }) => host === node.host);
    const {
      addressReason,
      state,
      exitCode,
      startNumber,
      sinceMs = 0,
      lastLine = '',
    } = before ?? {
      ...{ addressReason: reasonOf(node.host) ?? '', state: 'running' as const, exitCode: null },
      ...{ startNumber: record.seats[node.host]?.startNumber ?? 0, sinceMs: Date.now(), lastLine: '' },
    };
    return { ...node, addressReason, state, exitCode, startNumber, sinceMs, lastLine };
  });
  const gone = record.ends.filter(({ host }) => leave.includes(host));
  record.ends = record.ends.flatMap((seen) => {
    const node = record.nodes.find(({ host }) => host === seen.host);
    return node ? [{ ...seen, rank: node.rank ?? seen.rank, group: node.group }] : [];
  });
  record.roster = next;
  record.generation = next.generation;
  count(record, 'muster_generations_sealed', { reason: 'rescale' });
  record.uncertain = false;
  // The same objects: whoever started them marks them as closed.
  const cells = [...record.cells, ...newcomers.cells].filter(({ closed, hosts }) => !closed || hosts.length > 0);
  for (const cell of cells) {
    cell.hosts = cell.hosts.filter(({ host }) => !leave.includes(host));
    if (cell.answer) cell.answer = { ...cell.answer, gathered: cell.answer.gathered.filter(({ host }) => !leave.includes(host)) };
  }
  record.cells = cells;
  record.hosts = [...record.hosts.filter(({ host }) => !leave.includes(host)), ...newcomers.hosts];
  record.newcomers = null;
  noteChange(record);
  if (record.resizing || task.elastic) noteSizes(record, task);
  for (const host of leave) {
    delete record.seats[host];
    stopClock(record.clocks, host);
  }
  for (const { host } of came) startClock(record.clocks, host);
  noteStarts(record);
  enter(record, 'running', 'Running', `${record.nodes.length} node${record.nodes.length === 1 ? '' : 's'} with the list of generation ${next.generation}`);
  wishFulfilled(record);
  void seeOff(record, task, leave, gone);
}

/** Gives back the hosts of those who have left, once nothing is left there, or it takes too long. */
async function seeOff(record: RunRecord, task: Task, leave: readonly string[], gone: readonly { host: string; end: NodeEnd }[]): Promise<void> {
  const endOf = (host: string) => [...gone, ...record.formerEnds].find((seen) => seen.host === host)?.end;
  const limitMs = task.stopDurationSeconds * 1000 + LEAVE_MARGIN_MS;
  record.leaving.push(...leave);
  await condition(() => record.endedAtMs !== null || leave.every((host) => endOf(host) !== undefined), limitMs, { summary: 'limit: who leaves has ended' });
  const isSilent = (host: string) => {
    const end = endOf(host);
    return end?.kind === 'failed' && end.failure.type === 'HostLost';
  };
  const silent = leave.filter(isSilent);
  const clean = leave.filter((host) => endOf(host)?.clean === true);
  await giveBack(record, { clean, silent, unclean: leave.filter((host) => !silent.includes(host) && !clean.includes(host)) });
  record.leaving = record.leaving.filter((host) => !leave.includes(host));
  record.formerEnds = record.formerEnds.filter(({ host }) => !leave.includes(host));
}

function whyNot(
  { preflight }: Task,
  { nodes }: Roster,
  updates: readonly { host: string; update: NodeUpdate }[],
  ends: readonly { host: string; end: NodeEnd }[],
): Changed & { kind: 'failed' } {
  const failed = updates.flatMap(({ update }) => (update.kind === 'failed' ? [update] : []));
  const broken = ends.flatMap(({ end }) => (end.kind === 'failed' ? [end] : []));
  const pairs = [...failed, ...broken].flatMap(({ unreachable }) => unreachable);
  const distinct = pairs.filter((pair, i) => pairs.findIndex(({ from, to }) => from === pair.from && to === pair.to) === i);
  if (distinct.length > 0) return { kind: 'failed', why: describeClosedWays(distinct, nodes, preflightFor(preflight, nodes.length)), again: false };
  const [first] = [...broken, ...failed];
  return { kind: 'failed', why: first?.failure.message ?? 'its cells did not answer', again: true };
}
