import { stripVTControlCharacters } from 'node:util';
import { FAILURES, type FailureKind } from '../spec/failures.js';
import type { NodeStatus, RunStatus } from '../spec/nodes.js';
import type { Elastic } from '../spec/task/elastic.js';
import { counted } from '../spec/words.js';
import { formatDuration } from './duration.js';
import { table } from './table.js';
import { printable } from './terminal/text.js';
import { ListChange } from './views/list-change.js';

const ADDRESSES_SHOWN = 10;

/** Phases on the way to a first start, and what a live view shows of them is enough. */
const ON_THE_WAY: RunStatus['phase'][] = ['queued', 'gathering', 'starting', 'running'];

/** Says what changes in a run, a line for each change of phase or generation; beside a live view, only what is worth to be kept. */
export class Progress {
  #phase = '';
  #generation = 0;
  readonly #list = new ListChange();
  #warned = false;

  constructor(private readonly what: 'all' | 'changes' = 'all') {}

  /** The lines that this status adds to what was said before; none for the end, which has a summary. */
  lines(status: RunStatus): string[] {
    const lines: string[] = [];
    if (!this.#warned && status.warnings.length > 0) {
      this.#warned = true;
      lines.push(...status.warnings.map((warning) => `warning: ${warning}`));
    }
    const change = this.#list.take(status);
    if (change !== null) lines.push(change);
    if (status.generation > this.#generation) {
      this.#generation = status.generation;
      lines.push(`addresses of generation ${status.generation}: ${addresses(status.nodes)}`);
    }
    const phase = `${status.phase}/${status.reason}`;
    const isShown = this.what === 'changes' && ON_THE_WAY.includes(status.phase);
    if (phase !== this.#phase && !isOver(status) && !isShown) lines.push(`${status.phase}: ${status.message}`);
    this.#phase = phase;
    return lines.map(printable);
  }
}

/** The end of a run, for people: the message; after a failure also the last lines of the node that failed first, the nodes and what to do. */
export function summary(status: RunStatus): string[] {
  const { phase, message, submittedAtMs, endedAtMs, reason } = status;
  const took = endedAtMs === null ? '' : ` (${formatDuration(endedAtMs - submittedAtMs)})`;
  const lines = [`${status.run} ${phase}: ${message}${took}`];
  if (phase !== 'failed') return lines.map(printable);
  if (status.lastLines !== '') {
    lines.push(
      'The last lines of the node that failed first:',
      ...status.lastLines
        .trimEnd()
        .split('\n')
        .map((line) => `  ${stripVTControlCharacters(line)}`),
    );
  }
  if (status.nodes.length > 0) lines.push(...nodesTable(status.nodes));
  const kind: FailureKind | undefined = FAILURES[reason as keyof typeof FAILURES];
  if (kind === undefined) return lines.map(printable);
  const codes = new Set(status.nodes.map(({ exitCode }) => exitCode));
  const mends = [kind.mend, ...Object.entries(kind.exits ?? {}).flatMap(([code, mend]) => (codes.has(Number(code)) ? [mend] : []))];
  lines.push(`What to do: ${mends.join(' ').replaceAll('RUN', status.run)}`);
  return lines.map(printable);
}

export function nodesTable(nodes: readonly NodeStatus[]): string[] {
  const rows = nodes.map(({ rank, host, address, interface: name, state, exitCode, startNumber }) => [
    ...[rank === null ? '-' : String(rank), host, address ?? '-', name ?? '-', state],
    ...[exitCode === null ? '-' : String(exitCode), startNumber === 0 ? '-' : String(startNumber)],
  ]);
  return table(['RANK', 'HOST', 'ADDRESS', 'INTERFACE', 'STATE', 'EXIT', 'START'], rows);
}

/**
 * `7 restarts, 2 left`; empty where none is charged and none is left. Where nodes are restarted alone, what is left is that of the node that has the fewest: a restart of
 * all makes a generation, so more restarts than generations are restarts of single nodes.
 */
export function restartsOf({ restarts, restartsLeft: left, generation }: RunStatus): string {
  if (restarts + (left ?? 0) === 0) return '';
  const single = restarts > generation;
  return `${counted(restarts, 'restart')}${single ? ' of single nodes' : ''}${left === null ? '' : `, ${left} left${single ? ' for the node with the fewest' : ''}`}`;
}

/** `elastic, 2..8 nodes`, and no range where it can only have as many. */
export function rangeOf({ min, max }: Elastic): string {
  return min < max ? `elastic, ${min}..${max} nodes` : `elastic, ${counted(max, 'node')} at most`;
}

export function isOver({ phase }: Pick<RunStatus, 'phase'>): boolean {
  return phase === 'succeeded' || phase === 'failed' || phase === 'cancelled';
}

function addresses(nodes: readonly NodeStatus[]): string {
  const shown = nodes.slice(0, ADDRESSES_SHOWN).map(({ rank, host, address }) => `${rank} ${host} ${address}`);
  const more = nodes.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
