import { named } from '../../spec/words.js';

/** What was looked at, how it is, and what to do about it. */
export interface Check {
  check: string;
  /** `problem`: runs do not start, or are about to fail. `warning`: they go, and somebody should look. */
  verdict: 'ok' | 'warning' | 'problem';
  /** One sentence without a full stop. */
  found: string;
  /** What to do, as exactly as can be known; empty where there is nothing to do. */
  mend: string;
}

export const ok = (check: string, found: string): Check => ({ check, verdict: 'ok', found, mend: '' });
export const warning = (check: string, found: string, mend: string): Check => ({ check, verdict: 'warning', found, mend });
export const problem = (check: string, found: string, mend: string): Check => ({ check, verdict: 'problem', found, mend });

const NAMED = 5;

/** `gpu-01, gpu-02 and 7 more`: a line stays a line, however many there are. */
export function some(names: readonly string[]): string {
  return named(names, NAMED);
}

/** `1 host`, `3 hosts`. */
export function counted(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
