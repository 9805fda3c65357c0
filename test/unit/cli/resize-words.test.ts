import { expect, it } from 'vitest';
import { UsageError } from '../../../cli/exit.js';
import { readResizeWords } from '../../../cli/resize-words.js';
import { describeWish, type ResizeWish } from '../../../spec/resize.js';

it.each<[string[], ResizeWish, string]>([
  [['5'], { nodes: 5 }, '5 nodes'],
  [['1'], { nodes: 1 }, '1 node'],
  [['2000'], { nodes: 2_000 }, '2000 nodes'],
  [['workers=5'], { groups: { workers: 5 } }, 'workers: 5'],
  [['workers=5', 'head=1'], { groups: { workers: 5, head: 1 } }, 'workers: 5, head: 1'],
  [['1=4'], { groups: { '1': 4 } }, '1: 4'],
])('reads %j as a wish', (words, wish, description) => {
  expect([readResizeWords(words), describeWish(wish)]).toEqual([wish, description]);
});

it.each<[string[], string]>([
  [['0'], 'SIZE takes a whole number from 1 to 2000, not "0"'],
  [['2001'], 'SIZE takes a whole number from 1 to 2000, not "2001"'],
  [['2..8'], 'SIZE takes a whole number from 1 to 2000, not "2..8"'],
  [['workers'], 'SIZE takes a whole number from 1 to 2000, not "workers"'],
  [['5', '6'], 'Give one number, or GROUP=NODES for each group to be changed, not "5 6"'],
  [['workers=5', '6'], 'Give GROUP=NODES, as in workers=5, not "6"'],
  [['=5'], 'Give GROUP=NODES, as in workers=5, not "=5"'],
  [['my workers=5'], 'Give GROUP=NODES, as in workers=5, not "my workers=5"'],
  [['__proto__=5'], 'Give GROUP=NODES, as in workers=5, not "__proto__=5"'],
  [['workers='], 'workers takes a whole number from 1 to 2000, not ""'],
  [['workers=0'], 'workers takes a whole number from 1 to 2000, not "0"'],
  [['workers=5=6'], 'workers takes a whole number from 1 to 2000, not "5=6"'],
  [['workers=5', 'workers=6'], 'The group workers is given twice'],
  [['a=1500', 'b=501'], 'A run has at most 2000 nodes, and these are 2001'],
])('refuses %j', (words, message) => {
  expect(() => readResizeWords(words)).toThrow(new UsageError(message));
});
