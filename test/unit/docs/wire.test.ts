import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { expectGenerated } from '../../helpers/generated.js';

const DOC = new URL('../../../docs/wire.md', import.meta.url);
const [BEGIN, END] = ['<!-- shapes: made from spec/ -->\n', '<!-- end of shapes -->'];

/** What is on the wire, in the order in which a reader wants it: heading, sentence, file and interface. */
const SHAPES = [
  ["A run's status", 'The answer of the query `status`, the result, and the first detail of a failure.', 'nodes', 'RunStatus'],
  ['A node in it', 'In `nodes`, by rank; before the first list in any order.', 'nodes', 'NodeStatus'],
  ['A failure in it', 'In `failures`.', 'nodes', 'FailureNote'],
  ['A resize in it', 'In `resizes`.', 'nodes', 'Resize'],
  ['A node that was', 'In `formerNodes`.', 'nodes', 'FormerNode'],
  ['A roster', 'The answer of the query `roster`.', 'roster', 'Roster'],
  ['A node of a roster', 'In `nodes`, by rank.', 'roster', 'RosterNode'],
] as const;

interface Field {
  name: string;
  type: string;
  text: string;
}

/** The fields of an interface as its source has them: a line each, with what was said above it. */
function fieldsOf(source: string, name: string): Field[] {
  const body = source.split(`export interface ${name} {\n`)[1]?.split('\n}')[0] ?? expect.fail(`there is no interface ${name}`);
  const fields: Field[] = [];
  let said = '';
  for (const line of body.split('\n')) {
    const comment = /^ {2}(?:\/\*\*| \*)\s?(.*?)\s*(?:\*\/)?$/.exec(line);
    const field = /^ {2}(\w+)(\??): (.+);$/.exec(line);
    if (comment) said = `${said} ${comment[1]}`.trim();
    else if (field) {
      const [, key = '', optional = '', type = ''] = field;
      fields.push({ name: key, type: optional ? `${type}, or not there` : type, text: said });
      said = '';
    } else expect.fail(`${name}: cannot read the line ${line}`);
  }
  return fields;
}

/** A type as one who reads JSON calls it. */
function jsonType(source: string, type: string): string {
  const words = new RegExp(`export type ${type} = ((?:'\\w+'(?: \\| )?)+);`).exec(source)?.[1];
  return (words ?? type)
    .replaceAll("'", '`')
    .replaceAll(' | ', ', ')
    .replace(/, null/, ' or null')
    .replaceAll('|', '\\|');
}

function render(): string {
  const sections = SHAPES.map(([heading, sentence, file, name]) => {
    const source = readFileSync(new URL(`../../../spec/${file}.ts`, import.meta.url), 'utf8');
    const rows = fieldsOf(source, name).map(({ name: key, type, text }) => `| \`${key}\` | ${jsonType(source, type)} | ${text.replaceAll('|', '\\|')} |`);
    return `## ${heading}\n\n${sentence}\n\n| field | type | |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `${BEGIN}\n${sections.join('\n')}\n${END}`;
}

it('describes every field of a status and of a roster in docs/wire.md', () => {
  expectGenerated(DOC, { begin: BEGIN, end: END, made: render() });
});
