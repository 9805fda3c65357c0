import { z } from 'zod';
import { durationOf } from './duration.js';
import { type Probe, probeFields, readProbe } from './probe.js';
import { expected, type Read, reading, strict } from './words.js';

/** Who is released first, and when the others follow. */
export interface Startup {
  order: 'any' | 'master-first' | 'workers-first';
  /** ready: when the first are ready; null: as soon as they were started. */
  ready: ReadyWhen | null;
}

/** A gate that every node of the first wave has to pass. */
export interface ReadyWhen extends Probe {
  timeoutSeconds: number;
}

const DEFAULT_READY_SECONDS = 120;
const ORDER_WHAT = '`any`, `master-first` or `workers-first`';
const READY_WHAT = 'a map with `port` or `command`';
const order = z.enum(['any', 'master-first', 'workers-first'], { error: expected(ORDER_WHAT) });

const ready = reading(strict({ ...probeFields, timeout: durationOf(1).nullish() }, READY_WHAT), (given): Read<ReadyWhen> => {
  const probe = readProbe(given, READY_WHAT);
  return 'value' in probe ? { value: { ...probe.value, timeoutSeconds: given.timeout ?? DEFAULT_READY_SECONDS } } : probe;
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
