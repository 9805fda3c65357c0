import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { NAME_RULE, slugName } from '../../../spec/task/name.js';

test.each([
  ['train', 'train'],
  ['My Run/3', 'my-run-3'],
  ['run-train-x1', 'run-train-x1'],
  ['7', 'run-7'],
  ['a', 'run-a'],
  ['', 'run'],
  ['--é--', 'run'],
  ['x'.repeat(100), 'x'.repeat(41)],
  ['nightly-2026-11-23T04:00:00Z', 'nightly-2026-11-23t04-00-00z'],
])('the workflow id %j gives the name %s', (id, name) => {
  expect(slugName(id)).toBe(name);
});

test('any workflow id gives a valid name, and a valid name stays', () => {
  void fc.assert(
    fc.property(fc.string({ maxLength: 200, unit: 'binary' }), (id) => {
      expect(slugName(id)).toMatch(NAME_RULE);
      expect(slugName(slugName(id))).toBe(slugName(id));
    }),
    { numRuns: 2_000 },
  );
});
