import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { wholeNumber } from '../../cli/numbers.js';
import { missingForNamespaces } from '../helpers/namespaces.js';
import { BUGS, type BugName, plant } from './planted.js';
import { playRounds } from './rounds.js';

interface Options {
  rounds: number;
  seed: number;
  only?: number;
  planted?: BugName;
  evidence: string;
  networkedEvery: number;
  net: number;
  theme?: 'resize';
}

const NETS = { first: 60, count: 60 };

const options = new Command('chaos')
  .description('breaks machines at random while runs go on, and ends with 1 if anything that is promised did not hold')
  .option('--rounds <count>', 'how many', wholeNumber('--rounds', 1, 1_000_000), 20)
  .option('--seed <number>', 'repeats a schedule', wholeNumber('--seed', 0, 2 ** 31 - 1), Math.floor(Math.random() * 2 ** 31))
  .option('--only <round>', 'this round alone', wholeNumber('--only', 0, 1_000_000))
  .option('--evidence <directory>', 'where the evidence of violations goes', join(tmpdir(), 'muster-chaos-evidence'))
  .option(
    '--networked-every <count>',
    'every so many rounds on machines in network namespaces, which takes root; 0: none',
    wholeNumber('--networked-every', 0, 1_000),
    5,
  )
  .option('--net <octet>', 'hosts are at 127.<octet>.0.x', wholeNumber('--net', 1, 254), NETS.first + Math.floor(Math.random() * NETS.count))
  .addOption(new Option('--theme <theme>', 'every round is about that').choices(['resize']))
  .addOption(new Option('--planted <bug>', 'with a bug, until it is found: it must be').choices(Object.keys(BUGS)))
  .parse()
  .opts<Options>();

const { seed, planted, only, rounds, evidence, net, theme } = options;
const say = (line: string) => process.stderr.write(`${line}\n`);
const missing = missingForNamespaces();
// A planted bug is in a copy of what was built, which the networked machines do not run.
const networkedEvery = planted !== undefined || missing !== undefined || options.networkedEvery === 0 ? null : options.networkedEvery;
if (missing !== undefined) say(`no rounds on networks of machines: ${missing}`);
const copy = planted === undefined ? undefined : plant(planted);
const numbers = only === undefined ? Array.from({ length: rounds }, (_, round) => round) : [only];
let isOver = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (isOver = true));
const isEnough = (violations: number) => isOver || (copy !== undefined && violations > 0);
const more = { ...(copy === undefined ? {} : { main: copy.main }), ...(theme === undefined ? {} : { theme }) };
const figures = await playRounds({ seed, rounds: numbers, networkedEvery, net, evidenceDir: evidence, say, isEnough, ...more });
copy?.remove();
process.stdout.write(`${JSON.stringify({ ...figures, ...(planted === undefined ? {} : { planted }) })}\n`);
process.exit(figures.violations > 0 === (planted !== undefined) ? 0 : 1);
