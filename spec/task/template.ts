import { nearestOf } from './nearest.js';
import { found } from './problem.js';

/** A group as templates see it: what it is called, and how many nodes it has. */
export interface TemplateGroup {
  name: string;
  nodes: number;
}

/** A text with templates, in pieces: what stands there as it is, and whose address is put in. */
export type TemplatePiece = { text: string } | { group: number; node: number };

const KNOWN = '`${{ groups[i].nodes[j].IP_ADDRESS }}`, `i` a number or the name of a group';
// An escape, a template on one line, or the beginning of one that never ends; of bounded length, since each beginning is looked at on its own.
const TEMPLATE = /\$\$\{\{|\$\{\{([^\n}]{0,300})\}\}|\$\{\{/g;
const ADDRESS = /^groups\[\s*(?:(\d{1,6})|([A-Za-z][\w-]*)|"([^"\]]*)"|'([^'\]]*)')\s*\]\.nodes\[\s*(\d{1,6})\s*\]\.IP_ADDRESS$/;

/**
 * Finds `${{ groups[i].nodes[j].IP_ADDRESS }}` in a text, `i` being a number or a group's name; `$${{` stands for the text `${{`.
 * Anything else between `${{` and `}}`, and a group or a node that is not there, is told to `refuse` in a sentence.
 */
export function readTemplates(text: string, groups: readonly TemplateGroup[], refuse: (message: string) => void): TemplatePiece[] {
  const pieces: TemplatePiece[] = [];
  let end = 0;
  for (const match of text.matchAll(TEMPLATE)) {
    pieces.push({ text: text.slice(end, match.index) });
    end = match.index + match[0].length;
    if (match[0] === '$${{') pieces.push({ text: '${{' });
    else if (match[1] === undefined) refuse(`expected \`}}\` on the line of \`\${{\`, got none; write \`$\${{\` for the text \`\${{\``);
    else {
      const read = readReference(match[1].trim(), groups);
      if (typeof read === 'string') refuse(read);
      else pieces.push(read);
    }
  }
  pieces.push({ text: text.slice(end) });
  return pieces;
}

/** The text with the addresses in their places. `addresses`: of each group in order, of each of its nodes in rank order. */
export function renderTemplates(text: string, groups: readonly { name: string; addresses: readonly string[] }[]): string {
  const sizes = groups.map(({ name, addresses }) => ({ name, nodes: addresses.length }));
  const refuse = (message: string) => {
    throw new Error(message);
  };
  return readTemplates(text, sizes, refuse)
    .map((piece) => ('text' in piece ? piece.text : (groups[piece.group]?.addresses[piece.node] ?? '')))
    .join('');
}

function readReference(reference: string, groups: readonly TemplateGroup[]): { group: number; node: number } | string {
  const match = ADDRESS.exec(reference);
  if (match === null) {
    return `expected ${KNOWN}, got ${found(`\${{ ${reference} }}`)}; write \`$\${{\` for the text \`\${{\``;
  }
  const [, index, bare, double, single, node] = match;
  const name = bare ?? double ?? single;
  const group = name === undefined ? Number(index) : groups.findIndex((other) => other.name === name);
  const size = groups[group]?.nodes;
  if (size === undefined) return name === undefined ? outside('a group', group, 'groups', groups.length) : unknownName(name, groups);
  if (Number(node) >= size) return outside(`a node of groups[${name ?? index}]`, Number(node), 'nodes', size);
  return { group, node: Number(node) };
}

function outside(what: string, index: number, field: string, count: number): string {
  const last = count === 1 ? 'its only index is 0' : `the last index is ${count - 1}`;
  return `expected ${what} that is there, got ${field}[${index}]; ${last}`;
}

/** What is said of a name that no group has. */
export function unknownName(name: string, groups: readonly { name: string }[]): string {
  const names = groups.map((group) => group.name);
  const near = nearestOf(name, names);
  return `expected the name of a group, got ${found(name)}${near === undefined ? `; there ${names.length === 1 ? 'is' : 'are'} ${names.slice(0, 10).join(', ')}` : `; did you mean \`${near}\`?`}`;
}
