import type { FailureNote, NodeStatus, Resize, RunPhase, RunStatus } from '../../spec/nodes.js';
import { plainOutput } from './last-line.js';
import { asCell, asCode, asCodeCell, asLink, asPage, asText, asTime } from './markdown.js';

/** More never fit in. */
const ROWS = 100;
const FAILURES = 5;
const CELLS = 3;
const HOSTS = 20;
const WARNINGS = 5;
const ENDED: readonly RunPhase[] = ['succeeded', 'failed', 'cancelled'];
/** In the table; the last words of who failed stand above it in full. */
const MOST_OF_A_LINE = 80;

export interface Surroundings {
  namespace: string;
  /** The workflow ids of the cells that look after its nodes now. */
  cells: readonly string[];
  /** What is left of the budgets, for people. */
  left: readonly string[];
}

/** What the Temporal Web UI shows of a run while it goes on and after: Markdown. What is the matter comes first, then the last words of who failed, then the nodes. */
export function describeRun(status: RunStatus, around: Surroundings): string {
  const { nodes, resizes, failures, run } = status;
  const waiting = resizes.filter(({ state }) => state === 'waiting').map(describeResize);
  const before = [headline(status), standing(status, around), ...waiting, ...lastWords(status)];
  const after = [...story(failures), ...warned(status), ...furtherOn(status, around)];
  const page = (listed: readonly NodeStatus[]) => {
    const rows = listed.slice(0, ROWS).map(rowOf);
    const more = (rest: number) => `and ${rest + nodes.length - rows.length} more: \`muster status ${inCode(run)}\``;
    return asPage(before, { head: ['rank', 'host', 'address', 'state', 'since (UTC)', 'last line'], rows, more }, after);
  };
  const ranked = page(nodes);
  return ranked.isWhole && nodes.length <= ROWS ? ranked.text : page(oddFirst(nodes)).text;
}

/** What the Temporal Web UI shows of a cell: Markdown, whose it is and what is to be found there. */
export function describeCell(namespace: string, run: string, hosts: readonly string[]): string {
  const named = hosts.slice(0, HOSTS).map(asText).join(', ');
  const more = hosts.length > HOSTS ? ` and ${hosts.length - HOSTS} more` : '';
  return [
    `Part of the run ${asLink(namespace, run)}: it looks after the nodes on ${named}${more}.`,
    'What a node said last is in the heartbeat of its activity, under Pending Activities. How each ended stands in the details of the run.',
  ].join('\n\n');
}

function headline({ phase, reason, message }: RunStatus): string {
  const why = phase === 'failed' || phase === 'restarting' ? ` (${asText(reason)})` : '';
  return `**${phase}**${why}: ${asText(message)}`;
}

function standing({ phase, name, fleet, generation, nodesWanted }: RunStatus, { left }: Surroundings): string {
  const parts = [
    `Run ${asText(name)} on the fleet ${asText(fleet)}`,
    ...(nodesWanted > 0 ? [`${nodesWanted} node${nodesWanted === 1 ? '' : 's'}`] : []),
    ...(generation > 0 ? [`generation ${generation}`] : []),
    ...(ENDED.includes(phase) ? [] : left.map(asText)),
  ];
  return parts.join(' · ');
}

function describeResize({ nodes, message }: Resize): string {
  return `To have ${nodes} node${nodes === 1 ? '' : 's'}: ${asText(message)}`;
}

/** Of the node that failed first in the generation that is over; of the one that failed last while the run goes on. */
function lastWords({ phase, failures, lastLines }: RunStatus): string[] {
  if (phase === 'succeeded') return [];
  const isOver = ENDED.includes(phase);
  const last = failures.findLast((note) => (isOver ? lastLines !== '' && note.lastLines === lastLines : note.lastLines !== ''));
  const lines = plainOutput(isOver ? lastLines : (last?.lastLines ?? '')).trimEnd();
  if (lines === '') return [];
  const who = last === undefined ? 'The node that failed first' : `Node ${last.rank} on ${asText(last.host)}, which failed ${isOver ? 'first' : 'last'},`;
  return [`${who} said last:`, asCode(lines)];
}

function rowOf({ rank, host, address, state, exitCode, sinceMs, lastLine }: NodeStatus): string[] {
  const exit = state === 'failed' && exitCode !== null ? `, exit ${exitCode}` : '';
  const line = [...(lastLine ?? '')];
  const shown = line.length > MOST_OF_A_LINE ? `${line.slice(0, MOST_OF_A_LINE - 1).join('')}…` : (lastLine ?? '');
  const since = sinceMs ? asTime(sinceMs) : '–';
  return [rank === null ? '–' : String(rank), asCell(host), asCell(address ?? '–'), `${state}${exit}`, since, shown === '' ? '–' : asCodeCell(shown)];
}

/** Those first that something is the matter with: not all fit in. */
function oddFirst(nodes: readonly NodeStatus[]): NodeStatus[] {
  const isOdd = ({ state }: NodeStatus) => ['failed', 'lost', 'silent', 'restarting'].includes(state);
  return [...nodes.filter(isOdd), ...nodes.filter((node) => !isOdd(node))];
}

/** What went wrong so far: the root cause and the newest. */
function story(failures: readonly FailureNote[]): string[] {
  if (failures.length === 0) return [];
  const [first] = failures;
  const newest = failures.slice(-FAILURES);
  const told = first === undefined || newest.includes(first) ? newest : [first, ...newest.slice(1)];
  const lines = told.map(({ atMs, message }) => `- ${asTime(atMs)}: ${asText(message)}`);
  return ['What went wrong, and what was done:', lines.join('\n')];
}

function warned({ phase, warnings }: RunStatus): string[] {
  return ENDED.includes(phase) ? [] : warnings.slice(0, WARNINGS).map((warning) => `Warning: ${asText(warning)}`);
}

function furtherOn({ run, phase }: RunStatus, { namespace, cells }: Surroundings): string[] {
  const logs = `All output: \`muster logs ${inCode(run)}\``;
  if (ENDED.includes(phase) || cells.length === 0) return phase === 'queued' ? [] : [logs];
  const links = cells.slice(0, CELLS).map((cell) => asLink(namespace, cell));
  const more = cells.length > CELLS ? `, and ${cells.length - CELLS} more under Relationships` : '';
  return [`${logs}. What each node says now: under Pending Activities of ${links.join(', ')}${more}`];
}

function inCode(text: string): string {
  return text.replaceAll('`', '');
}
