import { z } from 'zod';
import { durationOf } from './duration.js';
import { found } from './problem.js';
import { expected, type Read, reading, strict } from './words.js';

/** Who is released first, and when the others follow. */
export interface Startup {
  order: 'any' | 'master-first' | 'workers-first';
  /** ready: when the first are ready; null: as soon as they were started. */
  ready: ReadyWhen | null;
}

/** A gate that every node of the first wave has to pass. Exactly one of `port` and `command` is given. */
export interface ReadyWhen {
  /** port: a TCP port that the program listens on, at the node's own address. */
  port: number | null;
  /** command: tried in the node's environment and directory until it exits with 0. */
  command: string | null;
  timeoutSeconds: number;
}

const DEFAULT_READY_SECONDS = 120;
const ORDER_WHAT = '`any`, `master-first` or `workers-first`';
const READY_WHAT = 'a map with `port` or `command`';
const order = z.enum(['any', 'master-first', 'workers-first'], { error: expected(ORDER_WHAT) });

const port = reading(z.number({ error: expected('a port from 1 to 65535') }), (value): Read<number> => {
  const isPort = Number.isInteger(value) && value >= 1 && value <= 65_535;
  return isPort ? { value } : { refused: `expected a port from 1 to 65535, got ${found(value)}` };
});

const command = reading(z.string({ error: expected('a command as text') }), (value): Read<string> => {
  if (value.includes('\0')) return { refused: 'expected a command as text, got a NUL byte in it' };
  return value.trim() === '' ? { refused: `expected a command as text, got ${found(value)}` } : { value };
});

const ready = reading(strict({ port: port.nullish(), command: command.nullish(), timeout: durationOf(1).nullish() }, READY_WHAT), (given): Read<ReadyWhen> => {
  if ((given.port ?? null) === null && (given.command ?? null) === null) return { refused: `expected ${READY_WHAT}, got neither` };
  if (given.port != null && given.command != null) return { refused: `expected ${READY_WHAT}, got both` };
  return { value: { port: given.port ?? null, command: given.command ?? null, timeoutSeconds: given.timeout ?? DEFAULT_READY_SECONDS } };
});

const startupMap = strict({ order, ready: ready.nullish() }, `${ORDER_WHAT}, or a map with \`order\` and \`ready\``);

/** `startup_order`: dstack's word, or a map with `order` and a gate. */
export const startupSchema = reading(
  z.union([order, startupMap], { error: expected(`${ORDER_WHAT}, or a map with \`order\` and \`ready\``) }),
  (value): Read<Startup> => {
    if (typeof value === 'string') return { value: { order: value, ready: null } };
    if (value.order === 'any' && value.ready)
      return { refused: 'expected `order: master-first` or `order: workers-first` beside `ready`, got `any`, where nobody waits' };
    return { value: { order: value.order, ready: value.ready ?? null } };
  },
);
