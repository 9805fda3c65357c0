import { Command } from 'commander';
import type { Run, RunningCommand } from '../../client/index.js';
import { parseDuration } from '../duration.js';
import { Exit, UsageError, verdictOf } from '../exit.js';
import { ranks } from '../output-choice.js';
import { printError, say } from '../print.js';
import { withMuster } from '../with-muster.js';

interface Options {
  rank?: number[];
  all?: true;
  stdin?: true;
  timeout?: number;
  raw?: true;
}

/** What goes on at the same time: each asks its host again and again. */
const AT_ONCE = 100;

export function exec(command: readonly string[] | undefined): Command {
  return new Command('exec')
    .description("run a command in a node's place: its environment, with the current list, and its working directory")
    .usage('[options] RUN -- COMMAND…')
    .argument('<run>', "the run's handle")
    .option('-r, --rank <rank>', 'on this node (repeatable, or 0,3)', ranks)
    .option('-a, --all', 'on all nodes')
    .option('-i, --stdin', 'hand on what comes on stdin, to one node; there is no terminal')
    .option('-t, --timeout <duration>', 'end the command after so long, as 30s or 5m; then exit code 4 (default: 1h)', parseDuration)
    .option('--raw', 'with several nodes: their output without prefixes')
    .addHelpText(
      'after',
      '\nOne argument after -- is a shell line; several are one command, each keeping its words. The exit code is the command’s; of several, the highest.',
    )
    .action((handle: string, options: Options) => act(handle, command, options));
}

async function act(handle: string, command: readonly string[] | undefined, { rank, all, stdin, timeout, raw }: Options): Promise<void> {
  if (command === undefined || command.length === 0) throw new UsageError('Say what to run after --, as in `muster exec RUN --rank 0 -- uptime`');
  if (all && rank !== undefined) throw new UsageError('--all and --rank cannot go together');
  if (stdin && (all || (rank?.length ?? 0) > 1)) throw new UsageError('--stdin goes to one node');
  await withMuster(async (muster) => {
    const run = muster.runs.get(handle);
    const wanted = rank ?? (await ranksOf(run, all === true));
    if (stdin && wanted.length > 1) throw new UsageError('--stdin goes to one node');
    const [{ ExecOutput }, { ExecInterrupts }] = await Promise.all([import('../exec-output.js'), import('../exec-interrupts.js')]);
    const output = new ExecOutput(wanted.length > 1 && !raw);
    const interrupts = new ExecInterrupts();
    const wish = {
      command: command.length === 1 ? (command[0] ?? '') : command,
      ...(stdin ? { stdin: process.stdin } : {}),
      ...(timeout === undefined ? {} : { limitMs: timeout }),
      onStarted: (started: RunningCommand) => {
        output.about(started);
        interrupts.about(started);
      },
    };
    const one = async (each: number): Promise<number> => {
      // What has not begun when Ctrl-C comes does not begin any more.
      if (interrupts.exitCode !== undefined) return interrupts.exitCode;
      try {
        const result = await run.exec({ ...wish, rank: each, onOutput: (piece) => output.take(each, piece) });
        if (result.nodeEnded) say(`node ${each} on ${result.host} has ended, and the command with it`);
        return result.code;
      } catch (error) {
        const { code, message } = verdictOf(error);
        printError(message);
        return code;
      }
    };
    try {
      const codes = await inTurns([...new Set(wanted)], one);
      await output.end();
      throw new Exit(interrupts.exitCode ?? Math.max(...codes));
    } finally {
      interrupts.dispose();
      if (stdin) process.stdin.destroy();
    }
  });
}

async function ranksOf(run: Run, all: boolean): Promise<number[]> {
  const { nodes } = await run.status();
  if (!all && nodes.length > 1) throw new UsageError(`Say on which node, with --rank, or --all: the run has ranks 0 to ${nodes.length - 1}`);
  return nodes.length === 0 ? [0] : nodes.map((_, rank) => rank);
}

async function inTurns(ranks: number[], work: (rank: number) => Promise<number>): Promise<number[]> {
  const codes: number[] = [];
  const worker = async () => {
    for (let rank = ranks.shift(); rank !== undefined; rank = ranks.shift()) codes.push(await work(rank));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return codes;
}
