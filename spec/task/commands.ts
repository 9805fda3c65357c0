import { z } from 'zod';
import { found } from './problem.js';
import { MAX_NODES } from './task.js';
import { expected, listOf, type Read, reading, textWhere } from './words.js';

const WHOLE = 'a whole number such as `3`';

/** A number of nodes. */
export const countSchema = reading(z.union([z.number(), z.string(), z.looseObject({})], { error: expected(WHOLE) }), (value): Read<number> => {
  const range = typeof value === 'object' ? 'min' in value || 'max' in value : typeof value === 'string' && value.includes('..');
  if (range) return { refused: 'a range of nodes such as `2..8` is not supported yet; give one number' };
  if (typeof value !== 'number' || !Number.isInteger(value)) return { refused: `expected ${WHOLE}, got ${found(value)}` };
  if (value < 1) return { refused: `expected at least 1, got ${value}` };
  if (value > MAX_NODES) return { refused: `expected at most ${MAX_NODES}, got ${value}` };
  return { value };
});

const command = textWhere('a command as text', (text) => text.trim() !== '', 'put a command that YAML reads otherwise in quotes');

/** One script, joined by `&&`. */
export const commandsSchema = listOf(command, 'commands').min(1, { error: (issue) => `expected at least one command, got ${found(issue.input)}` });
