import { z } from 'zod';
import { found } from './problem.js';
import { readRange, type Unit } from './range.js';
import { didYouMeanSignal, signalNumber } from './signals.js';
import { expected, type Read, reading } from './words.js';

/** Exit codes from one to another, both included, of 0 to 255. */
export interface ExitCodes {
  from: number;
  to: number;
}

const WHAT = 'an exit code of 0 to 255, a range such as `100..120`, or a signal such as `SIGSEGV`';
const LARGEST = 255;

const CODE: Unit = {
  what: WHAT,
  read(bound) {
    const code = typeof bound === 'number' ? bound : /^\d{1,3}$/.test(bound) ? Number(bound) : Number.NaN;
    return Number.isInteger(code) && code >= 0 && code <= LARGEST ? code : undefined;
  },
};

/** One item of `exit_codes`. A signal stands for 128 and its number, which is how a shell tells of it. */
export const exitCodesSchema = reading(z.union([z.number(), z.string()], { error: expected(WHAT) }), (value): Read<ExitCodes> => {
  if (typeof value === 'string' && /^[a-z]/i.test(value)) {
    const signal = signalNumber(value);
    return signal === undefined
      ? { refused: `expected ${WHAT}, got ${found(value)}${didYouMeanSignal(value)}` }
      : { value: { from: 128 + signal, to: 128 + signal } };
  }
  const range = readRange(value, CODE);
  if ('refused' in range) return range;
  const { min, max } = range.value;
  return min === null || max === null ? { refused: `expected ${WHAT}, got ${found(value)}` } : { value: { from: min, to: max } };
});
