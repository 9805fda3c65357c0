import { z } from 'zod';
import { found } from './problem.js';
import { expected, reading } from './words.js';

/** Labels that a host must have, each with this value. */
export type Labels = Record<string, string>;

const WHAT = 'a map of labels such as `{rack: a}`';
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
const LONGEST_VALUE = 63;
const MOST = 20;

/** `where`: a map of labels, as `muster host --label name=value` gives them. Numbers and booleans are read as their text. */
export const labelsSchema = reading(
  z.record(z.string(), z.union([z.string(), z.number(), z.boolean()], { error: expected('a text') }), { error: expected(WHAT) }),
  (map): { value: Labels } | { refused: string } => {
    const entries = Object.entries(map);
    if (entries.length > MOST) return { refused: `expected at most ${MOST} labels, got ${entries.length}` };
    const odd = entries.find(([name, value]) => labelProblem(name, String(value)) !== undefined);
    if (odd) return { refused: labelProblem(odd[0], String(odd[1])) ?? '' };
    return { value: Object.fromEntries(entries.map(([name, value]) => [name, String(value)])) };
  },
);

/** What is wrong with a label, in words. */
export function labelProblem(name: string, value: string): string | undefined {
  if (!NAME.test(name) || name === '__proto__') return `expected the name of a label, of letters, digits, \`.\`, \`_\`, \`/\` and \`-\`, got ${found(name)}`;
  if (value.length > LONGEST_VALUE || /[\s\p{Cc}]/u.test(value))
    return `expected a value of at most ${LONGEST_VALUE} characters without white space, got ${found(value)}`;
  return undefined;
}
