/** The Web UI sets columns without a gap. */
const GAP = '\u2002';
/** A longer word would push the table out of the pane. */
const LONG_WORD = /\S{14}(?=\S{4})/gu;
const BREAK = '\u200b';

/** The Web UI asks for what is to be rendered in an address, and a proxy before it may take 8 KB of that. */
const MOST_IN_ADDRESS = 7_500;

/**
 * Text of people and machines, so that it stays text: no Markdown, no HTML, one line. Not for the beginning of a line. With backslashes alone: the Web UI
 * shows an entity as it is written, and takes HTML.
 */
export function asText(text: string): string {
  // Two of these in a row become another sign.
  return text.replace(/[\\`*_[\]|<>&~]|-(?=-)|\.(?=\.)/g, (mark) => `\\${mark}`).replace(/\s+/g, ' ');
}

/** The same in a table, where a long word may be broken. */
export function asCell(text: string): string {
  return asText(withBreaks(text));
}

/** Output in a table: as code, since the Web UI gives other text curly quotes. Two signs cannot stand there, and look alike. */
export function asCodeCell(text: string): string {
  return `\`${withBreaks(text).replace(/\s+/g, ' ').replaceAll('`', 'ˋ').replaceAll('|', '¦')}\``;
}

function withBreaks(text: string): string {
  return text.replace(LONG_WORD, (word) => `${word}${BREAK}`);
}

/** A block of code, in which nothing is Markdown. */
export function asCode(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}

/** The cells are Markdown already. */
function asTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `|${cells.map((cell, i) => (i === cells.length - 1 ? cell : `${cell}${GAP}`)).join('|')}|`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** A page with as many rows of its table as fit in, and at least one; `more`: what it says of the rest. `isWhole`: all fit in. */
export function asPage(
  before: readonly string[],
  { head, rows, more }: { head: readonly string[]; rows: readonly (readonly string[])[]; more: (rest: number) => string },
  after: readonly string[],
): { text: string; isWhole: boolean } {
  const page = (shown: number) => {
    const rest = shown < rows.length ? [more(rows.length - shown)] : [];
    const table = shown === 0 ? [] : [asTable(head, rows.slice(0, shown)), ...rest];
    return [...before, ...table, ...after].join('\n\n');
  };
  let room = MOST_IN_ADDRESS - lengthInAddress(page(Math.min(1, rows.length)));
  let shown = Math.min(1, rows.length);
  for (const row of rows.slice(1)) {
    room -= lengthInAddress(asTable(row, []));
    if (room < 0) break;
    shown++;
  }
  return { text: page(shown), isWhole: shown === rows.length };
}

/** Half of a character, as it is left where a text was cut, cannot stand in an address. */
function lengthInAddress(text: string): number {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '?')).length;
}

/** A link to another workflow of the namespace, in the Web UI that shows the text. */
export function asLink(namespace: string, workflowId: string): string {
  return `[${asText(workflowId)}](/namespaces/${inAddress(namespace)}/workflows/${inAddress(workflowId)})`;
}

// encodeURIComponent leaves parentheses, which would end the link.
function inAddress(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '?')).replace(/[()]/g, (mark) => (mark === '(' ? '%28' : '%29'));
}

/** `28 Nov 14:05:09`, of UTC. */
export function asTime(ms: number): string {
  const text = new Date(ms).toUTCString();
  return `${text.slice(5, 11)} ${text.slice(17, 25)}`;
}
