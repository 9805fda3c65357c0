import { DEFAULT_FLEET } from '../../spec/ids.js';
import type { NodeState, NodeStatus, RunStatus } from '../../spec/nodes.js';
import { counted, named } from '../../spec/words.js';
import { elapsed } from '../duration.js';
import { rangeOf, restartsOf } from '../phases.js';
import { type Column, tableOf } from '../terminal/columns.js';
import { type Line, lineOf, type Paint, type Span } from '../terminal/text.js';
import { countOf, fold } from './fold.js';
import { age } from './since.js';

export interface RunLook {
  nowMs: number;
  columns: number;
  /** How many lines there may be. */
  rows: number;
  /** Since when a host's node is in its state; null where it is not known. */
  sinceMs: (host: string) => number | null;
  /** Hosts that have not answered yet, while the run gathers; null where it is not known. */
  missing: readonly string[] | null;
  /** Who joined and who left with the newest list, and when that was seen; null where nobody did. */
  change: { text: string; atMs: number } | null;
  /** What keeps the view from being true; empty where nothing does. */
  trouble: string;
  paint: Paints;
}

/** How a view is painted. */
export interface Paints {
  strong: Paint;
  faint: Paint;
  good: Paint;
  warn: Paint;
  bad: Paint;
}

/** Nodes that need a look first. */
const WORRY: Record<NodeState, number> = {
  ...{ failed: 9, lost: 8, silent: 7, restarting: 6, gathering: 5, ready: 4, starting: 3, stopped: 2, running: 1, succeeded: 0 },
};

const COLUMNS: Column[] = [{ head: 'RANK', side: 'left' }, { head: 'HOST', least: 6 }, { head: 'ADDRESS', least: 9 }, { head: 'STATE' }, { head: 'SINCE' }];

/** Most runs wait for no hosts at all. */
const HINT_AFTER_MS = 3_000;

/** Who came and who went is shown for so long. */
const CHANGE_SHOWN_MS = 600_000;

/** Room for nodes without which their table is left out. */
const LEAST_TABLE = 3;

/** A run as a live view shows it: how it stands, what it waits for, and a line for each node, as far as there is room. */
export function runView(status: RunStatus, look: RunLook): Line[] {
  const { columns, rows, paint, trouble } = look;
  const head = [headline(status, look), counts(status, look)];
  const more = [
    ...(isTold(status) ? [] : [[{ text: status.message }]]),
    ...queued(status, look),
    ...gathering(status, look),
    ...status.resizes
      .filter(({ state }) => state === 'waiting')
      .map(({ nodes, message }) => [{ text: `to have ${nodes} nodes: ${message}`, paint: paint.warn }]),
    ...changed(look),
    ...lastFailure(status, paint),
    ...(trouble === '' ? [] : [[{ text: trouble, paint: paint.warn }]]),
  ];
  const words = [...head, ...more].slice(0, rows);
  const room = rows - words.length;
  const table = room >= LEAST_TABLE ? nodesOf(status, look, room) : [];
  return [...words, ...table].map((spans) => lineOf(spans, columns));
}

function headline({ run, phase, submittedAtMs, endedAtMs }: RunStatus, { nowMs, paint }: RunLook): Span[] {
  return [
    { text: run, paint: paint.strong },
    { text: '  ' },
    { text: phase, paint: paintOf(phase, paint) },
    { text: `  ${elapsed((endedAtMs ?? nowMs) - submittedAtMs)}`, paint: paint.faint },
  ];
}

function counts(status: RunStatus, { paint }: RunLook): Span[] {
  const { generation, losses, nodes, nodesWanted, nodesRange, fleet, endedAtMs } = status;
  const of = nodes.length === 0 ? `${nodesWanted || '?'} nodes wanted` : countOf(nodes.map(({ state }) => state)).map(([state, count]) => `${count} ${state}`);
  const budget = [nodesRange && endedAtMs === null ? rangeOf(nodesRange) : '', restartsOf(status)].filter(Boolean);
  const lost = losses > 0 ? [counted(losses, 'lost host')] : [];
  return [{ text: [generation > 0 ? `generation ${generation}` : `fleet ${fleet}`, ...[of].flat(), ...budget, ...lost].join(' · '), paint: paint.faint }];
}

/** What the counts say already needs no sentence. */
function isTold({ phase, message }: RunStatus): boolean {
  return message === '' || phase === 'running' || phase === 'gathering';
}

function queued({ phase, fleet, submittedAtMs }: RunStatus, { nowMs, paint }: RunLook): Span[][] {
  if (phase !== 'queued' || nowMs - submittedAtMs < HINT_AFTER_MS) return [];
  const which = fleet === DEFAULT_FLEET ? '' : ` --fleet ${fleet}`;
  return [[{ text: `\`muster hosts${which}\` shows which hosts are free, and who has the others`, paint: paint.faint }]];
}

function gathering({ phase, nodes }: RunStatus, { missing, paint }: RunLook): Span[][] {
  if (phase !== 'gathering' || missing === null || nodes.length === 0) return [];
  const late = nodes.filter(({ host }) => missing.includes(host)).map(({ host }) => host);
  if (late.length === 0) return [];
  return [[{ text: `${nodes.length - late.length} of ${nodes.length} hosts have answered; waiting for ${named(late)}`, paint: paint.warn }]];
}

function changed({ change, nowMs, paint }: RunLook): Span[][] {
  return change === null || nowMs - change.atMs > CHANGE_SHOWN_MS
    ? []
    : [[{ text: change.text }, { text: `, ${age(nowMs - change.atMs)} ago`, paint: paint.faint }]];
}

function lastFailure({ failures, generation, phase }: RunStatus, paint: Paints): Span[][] {
  const last = failures.at(-1);
  // One that was mended long ago is history.
  if (last === undefined || last.generation < generation - 1) return [];
  return phase === 'running' || phase === 'restarting' || phase === 'gathering' || phase === 'starting' ? [[{ text: last.message, paint: paint.warn }]] : [];
}

function nodesOf({ nodes, phase }: RunStatus, { missing, nowMs, sinceMs, paint, columns }: RunLook, room: number): Span[][] {
  if (nodes.length === 0) return [];
  const stateOf = ({ state, host }: NodeStatus): NodeState =>
    phase === 'gathering' && state === 'gathering' && missing !== null && !missing.includes(host) ? 'ready' : state;
  const { shown, rest } = fold(nodes, room - 1, { worry: (node) => WORRY[stateOf(node)], kind: stateOf });
  const rows = shown.map((node): Span[] => {
    const state = stateOf(node);
    const since = sinceMs(node.host);
    return [
      { text: node.rank === null ? '-' : String(node.rank) },
      { text: node.host },
      { text: node.address ?? '-' },
      { text: node.exitCode === null || state !== 'failed' ? state : `failed (${node.exitCode})`, paint: paintOf(state, paint) },
      { text: since === null ? '-' : age(nowMs - since), paint: paint.faint },
    ];
  });
  return [...tableOf(COLUMNS, rows, columns, paint.faint), ...(rest === '' ? [] : [[{ text: rest, paint: paint.faint }]])];
}

function paintOf(state: string, { good, warn, bad }: Paints): Paint {
  if (['running', 'succeeded', 'ready', 'free', 'held'].includes(state)) return good;
  return ['failed', 'lost', 'cancelled', 'incompatible'].includes(state) ? bad : warn;
}
