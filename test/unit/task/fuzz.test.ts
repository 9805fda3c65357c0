import { expect, test } from 'vitest';
import { parseTask } from '../../../spec/task/parse.js';
import { expectSound, KEYS, PROPERTIES } from '../../fuzz/properties.js';

/** `npm run fuzz` tries a million. */
const CASES = 10_000;

test('the shares make up all cases', () => {
  expect(PROPERTIES.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
});

test.each(PROPERTIES)('$name: never a crash, and every problem in our own words', ({ share, check }) => {
  let done = 0;
  check(CASES * share, Math.floor(Math.random() * 2 ** 31), (work) => {
    work();
    done++;
  });
  expect(done).toBeGreaterThanOrEqual(CASES * share);
});

test('a very deep value is a problem, not a stack overflow', () => {
  let deep: unknown = 1;
  for (let level = 0; level < 200_000; level += 1) deep = level % 2 === 0 ? [deep] : { cpu: deep };
  for (const key of KEYS) expectSound(parseTask({ commands: ['a'], [key]: deep }, { defaultName: 'x' }));
});
