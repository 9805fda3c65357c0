import { describe, expect, it } from 'vitest';
import { withDrained, withoutDrained } from '../../../workflows/decisions/drained.js';

describe("those of a run's hosts that are drained", () => {
  it.each([
    ['have one more when one that it holds is drained', withDrained(['a'], ['a', 'b'], 'b'), ['a', 'b']],
    ['are the same when it is told twice', withDrained(['a'], ['a', 'b'], 'a'), ['a']],
    ['are the same when it does not hold it', withDrained(['a'], ['a', 'b'], 'c'), ['a']],
    ['have one less when it is resumed, given back or granted', withoutDrained(['a', 'b'], ['a', 'c']), ['b']],
  ])('%s', (_, drained, expected) => {
    expect(drained).toEqual(expected);
  });
});
