import { z } from 'zod';
import { nearestOf } from './nearest.js';
import { found } from './problem.js';
import { expected, type Read, reading } from './words.js';

// Linux' numbers on x86 and Arm, the usual ones first. STOP is left out: no program can catch it and it ends nothing.
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  TERM: 15,
  INT: 2,
  HUP: 1,
  QUIT: 3,
  KILL: 9,
  USR1: 10,
  USR2: 12,
  ABRT: 6,
  ALRM: 14,
  CONT: 18,
  WINCH: 28,
  CHLD: 17,
  ILL: 4,
  TRAP: 5,
  BUS: 7,
  FPE: 8,
  SEGV: 11,
  PIPE: 13,
  STKFLT: 16,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  IO: 29,
  PWR: 30,
  SYS: 31,
};

const SIGNAL_NAMES = Object.keys(SIGNAL_NUMBERS);
const WHAT = 'a signal such as `SIGTERM`, `INT` or `15`';

const written = z.union([z.number(), z.string()], { error: expected(WHAT) });

/** A signal by name, with or without `SIG`, or by number, as its full name. Only what a program can catch, and SIGKILL. */
export const signalSchema = reading(written, (value) => readSignal(value, 'ends a program'));

/** The same without SIGKILL: a signal that a program can have a handler for. */
export const catchableSignalSchema = reading(written, (value): Read<string> => {
  const read = readSignal(value, 'a program can catch');
  return 'value' in read && read.value === 'SIGKILL' ? { refused: `expected a signal that a program can catch, got ${found(value)}` } : read;
});

/** Linux' number of a signal by its name, with or without `SIG`; undefined where there is none. */
export function signalNumber(name: string): number | undefined {
  const short = name.toUpperCase().replace(/^SIG/, '');
  return SIGNAL_NAMES.includes(short) ? SIGNAL_NUMBERS[short] : undefined;
}

function readSignal(value: string | number, which: string): Read<string> {
  const text = String(value).toUpperCase();
  const short = text.replace(/^SIG/, '');
  const name = SIGNAL_NAMES.find((known) => known === short || String(SIGNAL_NUMBERS[known]) === text);
  if (name !== undefined) return { value: `SIG${name}` };
  if (short === 'STOP' || text === '19') return { refused: `expected a signal that ${which}, got ${found(value)}` };
  return { refused: `expected ${WHAT}, got ${found(value)}${didYouMeanSignal(short)}` };
}

/** The end of a sentence about a misspelt signal; empty where none is near. */
export function didYouMeanSignal(name: string): string {
  const near = nearestOf(name.toUpperCase().replace(/^SIG/, ''), SIGNAL_NAMES);
  return near === undefined ? '' : `; did you mean \`SIG${near}\`?`;
}
