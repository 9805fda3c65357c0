import { expect, it } from 'vitest';
import { comings, counted, named } from '../../spec/words.js';

it.each([
  [[], ''],
  [['a'], 'a'],
  [['a', 'b'], 'a and b'],
  [['a', 'b', 'c', 'd'], 'a, b, c and d'],
  [['a', 'b', 'c', 'd', 'e', 'f'], 'a, b, c, d and 2 more'],
])('names %j', (names, text) => {
  expect(named(names)).toBe(text);
});

it('counts', () => {
  expect([0, 1, 2].map((count) => counted(count, 'host'))).toEqual(['0 hosts', '1 host', '2 hosts']);
});

it('tells who came and who went', () => {
  expect(comings(['a', 'b', 'c'], ['b', 'd'])).toEqual(['d joined', 'a and c left']);
  expect(comings(['a'], ['a'])).toEqual([]);
});
