import { Command } from 'commander';
import { wholeNumber } from '../../cli/numbers.js';
import { PROPERTIES } from './properties.js';

const SLOW_MS = 1_000;

const { cases, seed } = new Command('fuzz')
  .description('feeds the task file and its templates with nonsense; ends with 1 at the first thing that does not hold')
  .option('--cases <count>', 'how many in all', wholeNumber('--cases', 100, 1_000_000_000), 1_000_000)
  .option('--seed <number>', 'repeats a run', wholeNumber('--seed', 0, 2 ** 31 - 1), Math.floor(Math.random() * 2 ** 31))
  .parse()
  .opts<{ cases: number; seed: number }>();

let done = 0;
let slow = 0;
let longestMs = 0;
const timed = (work: () => void) => {
  const since = performance.now();
  work();
  const ms = performance.now() - since;
  done++;
  longestMs = Math.max(longestMs, ms);
  if (ms > SLOW_MS) slow++;
};

const since = performance.now();
for (const { name, share, check } of PROPERTIES) {
  process.stderr.write(`${name}: ${Math.round(cases * share)} cases\n`);
  check(Math.round(cases * share), seed, timed);
}
const seconds = Math.round((performance.now() - since) / 1_000);
console.log(JSON.stringify({ cases: done, seed, crashes: 0, over_1s: slow, longest_ms: Math.round(longestMs), seconds }));
process.exit(slow > 0 ? 1 : 0);
