import type { NodeStatus, Resize, RunStatus } from '../../spec/nodes.js';

/** More rows than anybody reads would be sent with every look at the run. */
const ROWS = 100;
/** The Web UI sets columns without a gap. */
const GAP = '\u00a0\u00a0';

/** What the Temporal Web UI shows of a run while it goes on and after: Markdown, with the table of its nodes. */
export function describeRun({ phase, message, generation, fleet, nodes, resizes, lastLines }: RunStatus): string {
  const head = `**${phase}**: ${asText(message)}`;
  const where = generation > 0 ? `Generation ${generation} on the fleet ${asText(fleet)}` : `Fleet ${asText(fleet)}`;
  const waiting = resizes.filter(({ state }) => state === 'waiting').map(describeResize);
  const table = nodes.length === 0 ? [] : [nodesTable(nodes)];
  const last = lastLines === '' ? [] : [`The last lines of the node that failed first:\n\n${indent(lastLines)}`];
  return [head, where, ...waiting, ...table, ...last].join('\n\n');
}

function describeResize({ nodes, message }: Resize): string {
  return `To have ${nodes} node${nodes === 1 ? '' : 's'}: ${asText(message)}`;
}

function nodesTable(nodes: readonly NodeStatus[]): string {
  const rows = nodes.slice(0, ROWS).map(({ rank, host, address, state, exitCode, startNumber }) => [rank, host, address, state, exitCode, startNumber || null]);
  const lines = rows.map((cells) => `| ${cells.map((cell) => `${cell === null ? '–' : asText(String(cell))}${GAP}`).join(' | ')} |`);
  const more = nodes.length > ROWS ? `\n\nand ${nodes.length - ROWS} more` : '';
  return `| rank${GAP} | host${GAP} | address${GAP} | state${GAP} | exit${GAP} | start |\n|---|---|---|---|---|---|\n${lines.join('\n')}${more}`;
}

/** Text of people and machines, so that it stays text: no Markdown, no HTML. */
function asText(text: string): string {
  return text
    .replace(/[\\`*_{}[\]()#+!|<>~&-]/g, (mark) => (mark === '<' ? '&lt;' : mark === '>' ? '&gt;' : mark === '&' ? '&amp;' : `\\${mark}`))
    .replace(/\s+/g, ' ');
}

/** As a block of code, in which nothing is Markdown. */
function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}
