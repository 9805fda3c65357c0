import { Lexer } from 'yaml';

const DEEPEST = 100;

/**
 * The line at which a YAML text nests more than 100 levels; undefined where it never does. The
 * parser is recursive, and a stack that overflows inside a regular expression ends the process:
 * so this is asked first, and reads tokens only.
 */
export function tooDeepAt(text: string): number | undefined {
  let line = 1;
  let column = 0;
  let keyColumn = 0;
  let flow = 0;
  const columns: number[] = [];
  const openBlockAt = (at: number) => {
    while ((columns.at(-1) ?? -1) >= at) columns.pop();
    columns.push(at);
  };

  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') flow += 1;
    else if (token === ']' || token === '}') flow = Math.max(0, flow - 1);
    else if (flow === 0 && (token === '-' || token === '?')) openBlockAt(column);
    else if (flow === 0 && token === ':') openBlockAt(keyColumn);
    else if (!MARKS.has(token) && token.trim() !== '') keyColumn = column;
    if (columns.length + flow > DEEPEST) return line;

    const newline = token.lastIndexOf('\n');
    if (newline < 0) {
      column += MARKS.has(token) ? 0 : token.length;
      continue;
    }
    line += token.split('\n').length - 1;
    column = token.length - newline - 1;
    keyColumn = column;
  }
  return undefined;
}

// What the lexer puts in where nothing is written: document, flow error and scalar marks; and the BOM.
const MARKS: ReadonlySet<string> = new Set(['\u0002', '\u0018', '\u001f', '\ufeff']);
