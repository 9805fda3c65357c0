import { describe } from 'vitest';

/** `describe` where this machine can do what the tests need; else one that skips them, and says aloud what is missing. */
export function describeWhere(possible: boolean, missing: string): typeof describe | typeof describe.skip {
  if (!possible) process.stderr.write(`SKIPPED: ${missing}\n`);
  return possible ? describe : describe.skip;
}
