import type { GrantedHost } from '../spec/fleet.js';
import type { NodeRestarted, NodesEnded, NodesSilent } from '../spec/messages.js';
import type { NodeState, NodeStatus } from '../spec/nodes.js';
import type { Task } from '../spec/task/task.js';
import { lastLineOf } from './decisions/last-line.js';
import type { SeenEnd } from './decisions/outcome.js';
import { type RunRecord, show } from './run-record.js';
import { startClock } from './running-time.js';

/** A node of which only the host is known. */
export function gatheringNode({ host, group }: GrantedHost, { groups }: Task): NodeStatus {
  return {
    ...{ rank: null, group: groups[group]?.name ?? '', host, address: null, interface: null, addressReason: '', id: null },
    ...{ gpus: 0, state: 'gathering', exitCode: null, startNumber: 0, sinceMs: Date.now(), lastLine: '' },
  };
}

/** Takes what the cells report of ended nodes; what is stale or told twice is dropped. */
export function recordEnds(record: RunRecord, message: NodesEnded): void {
  const { cell, generation, ends } = message;
  if (record.change && record.newcomers?.cells.some(({ id }) => id === cell)) record.change.ends.push(message);
  // A cell may not have heard of the newest list yet, and never knows a newer one.
  if (generation > record.generation || !record.cells.some(({ id }) => id === cell)) return;
  for (const { host, end } of ends) {
    if (record.leaving.includes(host)) record.formerEnds.push({ host, end });
    const node = record.nodes.find((known) => known.host === host);
    if (!node || node.rank === null || record.ends.some((seen) => seen.host === host)) continue;
    // Of a start that is to be followed by another, the end was told before.
    if (end.startNumber < node.startNumber + (node.state === 'restarting' ? 1 : 0)) continue;
    record.ends.push({ rank: node.rank, group: node.group, host, end, verdict: null });
    node.exitCode = end.kind === 'exited' ? end.code : null;
    node.lastLine = lastLineOf(end.lastLines);
    become(node, endState(end, record.phase === 'stopping' || record.phase === 'resizing' || record.phase === 'restarting'));
  }
  show(record);
}

/** Nothing is heard of these hosts, or it is again. */
export function recordSilence(record: RunRecord, { cell, hosts, state, lastLines }: NodesSilent): void {
  if (!record.cells.some(({ id }) => id === cell)) return;
  for (const node of record.nodes) {
    if (!hosts.includes(node.host)) continue;
    // A cell that is older than this says nothing of them.
    node.lastLine = lastLineOf(lastLines ?? '') || (node.lastLine ?? '');
    if (state === 'silent' && node.state === 'running') become(node, 'silent');
    if (state === 'heard' && node.state === 'silent') become(node, 'running');
  }
  show(record);
}

/** A node was started again, alone. */
export function recordRestart(record: RunRecord, { cell, host, gathering, startNumber }: NodeRestarted): void {
  const node = record.nodes.find((known) => known.host === host);
  if (!record.cells.some(({ id }) => id === cell) || !node) return;
  record.seats[host] = { gathering, startNumber };
  Object.assign(node, { startNumber, exitCode: null, lastLine: '' });
  become(node, 'running');
  startClock(record.clocks, host);
  noteStarts(record);
  show(record);
}

/** Keeps where the output of each node's last start is. */
export function noteStarts(record: RunRecord): void {
  const starts = record.nodes.map(({ rank, host, startNumber }) => ({ rank: rank ?? 0, host, startNumber }));
  record.lastStarts = [...record.lastStarts.filter(({ host }) => !starts.some((start) => start.host === host)), ...starts];
}

function endState(end: SeenEnd['end'], stopping: boolean): NodeState {
  if (end.kind === 'exited' && end.code === 0) return 'succeeded';
  if (end.kind === 'failed' && end.failure.type === 'HostLost') return 'lost';
  return stopping ? 'stopped' : 'failed';
}

/** Marks all nodes that have not ended. */
export function markNodes(record: RunRecord, state: NodeState): void {
  const ended = new Set(record.ends.map(({ host }) => host));
  for (const node of record.nodes) {
    if (!ended.has(node.host)) become(node, state);
  }
}

/** The node is in this state from now on. */
export function become(node: NodeStatus, state: NodeState): void {
  if (node.state === state) return;
  Object.assign(node, { state, sinceMs: Date.now() });
}
