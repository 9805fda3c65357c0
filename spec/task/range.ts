import { z } from 'zod';
import { found } from './problem.js';
import { expected, type Read, reading, strict } from './words.js';

/** From `min` to `max`, both included; null is open. At least one of them is a number. */
export interface Range {
  min: number | null;
  max: number | null;
}

/** What a range counts: how to say it, and how to read one bound. */
export interface Unit {
  what: string;
  read(bound: string | number): number | undefined;
}

export const COUNT: Unit = {
  what: 'a whole number or a range such as `2..8`, `2..` or `..8`',
  read(bound) {
    const count = typeof bound === 'number' ? bound : /^\d{1,9}$/.test(bound) ? Number(bound) : Number.NaN;
    return Number.isInteger(count) && count >= 0 ? count : undefined;
  },
};

const GIGABYTES_PER_UNIT: Readonly<Record<string, number>> = { MB: 1 / 1024, GB: 1, TB: 1024 };

/** dstack's memory: MB, GB or TB; a bare number is in gigabytes. */
export const GIGABYTES: Unit = {
  what: 'a size such as `512MB`, `16GB` or `1TB`, or a range such as `16GB..`',
  read(bound) {
    if (typeof bound === 'number') return Number.isFinite(bound) && bound >= 0 ? bound : undefined;
    const match = /^(\d{1,9}(?:\.\d{1,9})?)(MB|GB|TB)?$/i.exec(bound);
    return match === null ? undefined : Number(match[1]) * (GIGABYTES_PER_UNIT[(match[2] ?? 'GB').toUpperCase()] ?? 1);
  },
};

export const bound = z.union([z.number(), z.string()], { error: expected('a number or a size') });

export interface Bounds {
  min?: string | number | null | undefined;
  max?: string | number | null | undefined;
}

/** A range written as one value, as `2..8`, or as `{min, max}`. */
export function rangeSchema(unit: Unit) {
  const bounds = strict({ min: bound.nullish(), max: bound.nullish() }, unit.what);
  return reading(z.union([z.number(), z.string(), bounds], { error: expected(unit.what) }), (value): Read<Range> => {
    return readRange(value, unit);
  });
}

export function readRange(value: string | number | Bounds, unit: Unit): Read<Range> {
  const bounds = typeof value === 'object' ? value : boundsOf(value);
  const min = readBound(bounds.min, unit);
  const max = readBound(bounds.max, unit);
  if (min === undefined || max === undefined || (min === null && max === null)) {
    return { refused: `expected ${unit.what}, got ${found(value)}` };
  }
  if (min !== null && max !== null && min > max) {
    return { refused: `expected a range from the smaller to the larger, got ${min}..${max}` };
  }
  return { value: { min, max } };
}

function boundsOf(value: string | number): Bounds {
  if (typeof value === 'number') return { min: value, max: value };
  const parts = value.replaceAll(' ', '').split('..');
  const [min = '', max = ''] = parts;
  if (parts.length === 1) return { min, max: min };
  return parts.length === 2 ? { min: min === '' ? null : min, max: max === '' ? null : max } : { min: '', max: '' };
}

function readBound(written: string | number | null | undefined, unit: Unit): number | null | undefined {
  return written === null || written === undefined ? null : unit.read(written);
}
