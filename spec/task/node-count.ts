import { z } from 'zod';
import { NODES_WHAT, readNodes } from './elastic.js';
import { found } from './problem.js';
import { MAX_NODES } from './task.js';
import { expected, type Read, reading, strict } from './words.js';

const WHOLE = 'a whole number such as `3`';

/** `nodes` of a group: one number, since only a task without groups can be elastic. */
export const groupNodesSchema = reading(z.union([z.number(), z.string(), z.looseObject({})], { error: expected(WHOLE) }), (value): Read<number> => {
  const range = typeof value === 'object' ? 'min' in value || 'max' in value : typeof value === 'string' && value.includes('..');
  if (range) return { refused: `expected ${WHOLE}, got a range of them; only a task without \`groups\` takes one, as \`nodes: 2..8\`` };
  return typeof value === 'number' ? readCount(value) : { refused: `expected ${WHOLE}, got ${found(value)}` };
});

const count = reading(z.number({ error: expected(WHOLE) }), readCount);

/** `nodes` of a task: one number, or from how many to how many. */
export const nodesSchema = reading(
  z.union([z.number(), z.string(), strict({ min: count.nullish(), max: count.nullish() }, NODES_WHAT)], { error: expected(NODES_WHAT) }),
  readNodes,
);

function readCount(value: number): Read<number> {
  if (!Number.isInteger(value)) return { refused: `expected ${WHOLE}, got ${found(value)}` };
  if (value < 1) return { refused: `expected at least 1, got ${value}` };
  return value > MAX_NODES ? { refused: `expected at most ${MAX_NODES}, got ${value}` } : { value };
}
