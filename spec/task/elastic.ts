import { found } from './problem.js';
import { MAX_NODES } from './task.js';
import type { Read } from './words.js';

/** How many nodes a run may have, both included; the same twice is just that number. */
export interface Elastic {
  min: number;
  max: number;
}

export const NODES_WHAT = 'a whole number such as `3`, or a range such as `2..8`';
const RANGE = /^(\d{0,9}) *\.\. *(\d{0,9})$/;

/** `nodes`, written as a number, as `2..8` or as `{min, max}`. A text without dots is no number here, as in dstack. */
export function readNodes(value: number | string | { min?: number | null | undefined; max?: number | null | undefined }): Read<Elastic> {
  if (typeof value === 'number') return Number.isInteger(value) ? within(value, value) : { refused: `expected ${NODES_WHAT}, got ${found(value)}` };
  if (typeof value === 'object') {
    const { min = null, max = null } = value;
    if (min !== null && max !== null) return within(min, max);
    return { refused: `expected both \`min\` and \`max\`, got ${min === max ? 'neither' : `no \`${min === null ? 'min' : 'max'}\``}` };
  }
  const match = RANGE.exec(value.trim());
  if (match === null) return { refused: `expected ${NODES_WHAT}, got ${found(value)}` };
  const [, min = '', max = ''] = match;
  if (min === '' || max === '') return { refused: `expected both ends of the range, as in \`2..8\`, got ${found(value)}; the most is ${MAX_NODES}` };
  return within(Number(min), Number(max));
}

/** `3 nodes`, or `2 to 8 nodes`. */
export function describeNodes(nodes: number, elastic: Elastic | null): string {
  return elastic === null ? `${nodes} node${nodes === 1 ? '' : 's'}` : `${elastic.min} to ${elastic.max} nodes`;
}

function within(min: number, max: number): Read<Elastic> {
  const beyond = [min, max].find((nodes) => nodes < 1 || nodes > MAX_NODES);
  if (beyond !== undefined) return { refused: beyond < 1 ? `expected at least 1, got ${beyond}` : `expected at most ${MAX_NODES}, got ${beyond}` };
  return min > max ? { refused: `expected a range from the smaller to the larger, got ${min}..${max}` } : { value: { min, max } };
}
