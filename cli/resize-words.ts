import type { ResizeWish } from '../spec/resize.js';
import { MAX_NODES } from '../spec/task/task.js';
import { UsageError } from './exit.js';
import { wholeNumber } from './numbers.js';

// The name of a group, or its number where it has none.
const GROUP = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** `5`, or `workers=5 head=1`, as a wish. Throws `UsageError`. */
export function readResizeWords(words: readonly string[]): ResizeWish {
  const [first = '', ...more] = words;
  if (!words.some((word) => word.includes('='))) {
    if (more.length > 0) throw new UsageError(`Give one number, or GROUP=NODES for each group to be changed, not ${JSON.stringify(words.join(' '))}`);
    return { nodes: wholeNumber('SIZE', 1, MAX_NODES)(first) };
  }
  const groups = new Map<string, number>();
  for (const word of words) {
    const [name = '', count] = word.split(/=(.*)/s, 2);
    if (count === undefined || !GROUP.test(name)) throw new UsageError(`Give GROUP=NODES, as in workers=5, not ${JSON.stringify(word)}`);
    if (groups.has(name)) throw new UsageError(`The group ${name} is given twice`);
    groups.set(name, wholeNumber(name, 1, MAX_NODES)(count));
  }
  const sum = [...groups.values()].reduce((total, count) => total + count, 0);
  if (sum > MAX_NODES) throw new UsageError(`A run has at most ${MAX_NODES} nodes, and these are ${sum}`);
  return { groups: Object.fromEntries(groups) };
}
