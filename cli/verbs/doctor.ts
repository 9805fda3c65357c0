import { Command } from 'commander';
import type { Check } from '../../client/index.js';
import { counted } from '../../spec/words.js';
import { EXIT, Exit } from '../exit.js';
import { wholeNumber } from '../numbers.js';
import { outColours, print, printJson, say } from '../print.js';
import { printable } from '../terminal/text.js';
import { thisMachine } from '../this-machine.js';

export function doctor(): Command {
  return new Command('doctor')
    .description('look at all that runs need, from Temporal to the hosts, and say what to mend (exit 1: there is a problem)')
    .option('--fleet <fleet>', 'which fleet', 'default')
    .option('--poll-limit <count>', "what the server's frontend.namespaceCount is set to: it cannot be read", wholeNumber('--poll-limit', 1, 10_000_000))
    .option('--json', 'one JSON object a line: check, verdict (ok, warning, problem), found, mend')
    .action((options: { fleet: string; pollLimit?: number; json?: true }) => act(options));
}

async function act({ fleet, pollLimit, json }: { fleet: string; pollLimit?: number; json?: true }): Promise<void> {
  const { diagnose } = await import('../../client/index.js');
  const [here, there] = await Promise.all([thisMachine(), diagnose({ fleet, ...(pollLimit === undefined ? {} : { pollLimit }) })]);
  const checks = [...there, ...here];
  if (json) checks.forEach(printJson);
  else for (const line of checks.flatMap(linesOf)) print(line);
  const count = (verdict: Check['verdict']) => checks.filter((each) => each.verdict === verdict).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  if (!json) say(problems + warnings === 0 ? 'All is well.' : `${counted(problems, 'problem')}, ${counted(warnings, 'warning')}`);
  if (problems > 0) throw new Exit(EXIT.runFailed);
}

const VERDICT_WIDTH = 'problem'.length;
const CHECK_WIDTH = 'search attributes'.length;
const PAINT = { ok: outColours.green, warning: outColours.yellow, problem: outColours.red };

/** A line for the check, and below it one for the mend. */
export function linesOf({ check, verdict, found, mend }: Check): string[] {
  const line = `${PAINT[verdict](verdict.padEnd(VERDICT_WIDTH))}  ${check.padEnd(CHECK_WIDTH)}  ${printable(found)}`;
  return mend === '' ? [line] : [line, `${' '.repeat(VERDICT_WIDTH + CHECK_WIDTH + 4)}→ ${printable(mend)}`];
}
