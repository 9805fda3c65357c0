import fc from 'fast-check';
import { expect, it } from 'vitest';
import { beyondRead, splitByTime } from '../../../client/pieces.js';
import { TimeOrder, type TimeOrderOptions } from '../../../client/time-order.js';
import { until } from '../../helpers/until.js';

interface Piece {
  atMs: number | null;
  of: string;
}

const at = (of: string, ...times: number[]): Piece[] => times.map((atMs) => ({ of, atMs }));
const UNTIL_THEY_ANSWER = { holdMs: 0, patienceMs: 600_000 };

function order(options: TimeOrderOptions = UNTIL_THEY_ANSWER, clock?: () => number) {
  const handed: Piece[] = [];
  const merge = new TimeOrder<Piece>(
    async (piece) => {
      handed.push(piece);
    },
    options,
    clock,
  );
  return { merge, handed, seen: () => handed.map(({ of, atMs }) => `${of}${atMs}`).join(' ') };
}

it('hands on nothing before everybody who was asked has answered, and then the oldest first', async () => {
  const { merge, seen } = order();
  const [a, b] = [merge.open(), merge.open()];
  const given = a.give(at('a', 1, 4, 6));
  await new Promise(setImmediate);
  expect(seen()).toBe('');
  void b.give(at('b', 2, 3, 5));
  await until(seen, 'a1 b2 b3 a4 b5');
  // Who gave the last is asked again; what it says may be older than the next.
  b.close();
  await given;
  expect(seen()).toBe('a1 b2 b3 a4 b5 a6');
});

it('does not wait for who has given all that was there', async () => {
  const { merge, seen } = order();
  const [a, b] = [merge.open(), merge.open()];
  b.next('newest');
  await a.give(at('a', 9));
  a.next('newest');
  await b.give(at('b', 1));
  expect(seen()).toBe('a9 b1');
});

it('holds a piece for what others wrote at the same moment', async () => {
  let nowMs = 0;
  const { merge, seen } = order({ holdMs: 50, patienceMs: 60_000 }, () => nowMs);
  const [a, b] = [merge.open(), merge.open()];
  b.next('newest');
  const later = a.give(at('a', 2));
  await new Promise(setImmediate);
  expect(seen()).toBe('');
  const earlier = b.give(at('b', 1));
  nowMs = 100;
  await earlier;
  b.next('newest');
  await later;
  expect(seen()).toBe('b1 a2');
});

it('waits for one that does not answer no longer than its patience', async () => {
  const { merge, seen } = order({ holdMs: 0, patienceMs: 30 });
  const [a] = [merge.open(), merge.open()];
  await a.give(at('a', 1));
  expect(seen()).toBe('a1');
});

it('keeps the order of each source, and puts all into the order of time where each has its own in that', async () => {
  const times = fc.array(fc.nat({ max: 50 }), { maxLength: 20 }).map((all) => all.sort((x, y) => x - y));
  await fc.assert(
    fc.asyncProperty(fc.array(times, { minLength: 1, maxLength: 5 }), async (all) => {
      const { merge, handed } = order();
      const sources = all.map(() => merge.open());
      await Promise.all(
        all.map(async (own, i) => {
          for (let next = 0; next < own.length; next += 3) await sources[i]?.give(at(String(i), ...own.slice(next, next + 3)));
          sources[i]?.close();
        }),
      );
      expect(handed.map(({ atMs }) => atMs)).toEqual(all.flat().sort((x, y) => x - y));
      expect(all.map((_, i) => handed.filter(({ of }) => of === String(i)).map(({ atMs }) => atMs))).toEqual(all);
    }),
    { numRuns: 50 },
  );
});

it('parts what was read by the time at which it was written', () => {
  const parts = (from: number, times?: [number, number][]) => splitByTime(Buffer.from('abcdef'), from, times).map(({ atMs, data }) => [atMs, data.toString()]);
  const times: [number, number][] = [
    [2, 100],
    [3, 200],
    [1, 300],
  ];
  expect(parts(0, times)).toEqual([
    [100, 'ab'],
    [200, 'cde'],
    [300, 'f'],
  ]);
  expect(parts(3, times)).toEqual([
    [200, 'de'],
    [300, 'f'],
  ]);
  // An agent that tells fewer, or none.
  expect(parts(0, [[2, 100]])).toEqual([
    [100, 'ab'],
    [100, 'cdef'],
  ]);
  expect(parts(4)).toEqual([[null, 'ef']]);
});

it('adds of the last lines of a lost host what was not read', () => {
  expect(beyondRead('1\n2\n3\n', '2\n3\n4\n')).toBe('4\n');
  expect(beyondRead('1\n2\n3\n', '2\n3\n')).toBe('');
  expect(beyondRead('1\n2\n3\n', '5\n6\n')).toBe('5\n6\n');
  expect(beyondRead('', '5\n6\n')).toBe('5\n6\n');
  expect(beyondRead('1\n2\n', '2\nhal')).toBe('hal');
});
