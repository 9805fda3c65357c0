import { Command, Option } from 'commander';
import type { RunPhase, RunsFound } from '../../client/index.js';
import { counted } from '../../spec/words.js';
import { formatDuration } from '../duration.js';
import { UsageError } from '../exit.js';
import { wholeNumber } from '../numbers.js';
import { print, printJson, say } from '../print.js';
import { table } from '../table.js';
import { printable } from '../terminal/text.js';
import { age } from '../views/since.js';
import { withMuster } from '../with-muster.js';

interface Options {
  phase?: RunPhase[];
  name?: string;
  limit: number;
  json?: true;
}

const DEFAULT_LIMIT = 20;

const PHASES = Object.keys({
  ...{ queued: 0, gathering: 0, starting: 0, running: 0, restarting: 0, resizing: 0, stopping: 0, succeeded: 0, failed: 0, cancelled: 0 },
} satisfies Record<RunPhase, 0>);

/** What is known of a run, by the names that its status has; what is null could not be asked. */
export interface Row {
  run: string;
  name: string | null;
  phase: string;
  reason: string;
  message: string;
  nodesWanted: number | null;
  /** As far as Temporal's list knows, where the run could not be asked: when its latest execution began. */
  submittedAtMs: number;
  endedAtMs: number | null;
}

export function ps(): Command {
  return new Command('ps')
    .description('list runs: those that go on, then those that have ended, the newest first')
    .addOption(new Option('-p, --phase <phase>', 'only runs in this phase (repeatable)').choices(PHASES).argParser(phaseOf))
    .option('--name <name>', 'only runs whose task has this name')
    .option('-n, --limit <count>', 'at most so many', wholeNumber('--limit', 1, 10_000), DEFAULT_LIMIT)
    .option('--json', 'one JSON object a line')
    .action(({ phase: phases, name, limit, json }: Options) =>
      withMuster(async (muster) => {
        const found = await muster.runs.search({ limit, ...(phases === undefined ? {} : { phases }), ...(name === undefined ? {} : { name }) });
        const [rows, nowMs] = [found.runs.map(rowOf), Date.now()];
        if (json) for (const row of rows) printJson(row);
        else if (rows.length === 0) say((phases ?? name) ? 'No run is as asked for' : 'There are no runs; `muster run` starts one');
        else {
          const lines = rows.map((row) => cells(row, nowMs));
          for (const line of table(['RUN', 'PHASE', 'NODES', 'AGE', 'TOOK', 'MESSAGE'], lines)) print(line);
        }
        if (found.unanswered > 0) say(unanswered(found.unanswered, name !== undefined));
        if (found.by === 'asking')
          say('the namespace has no search attributes of runs, so each run was asked, which is slower; docs/operating.md says how to register them');
        if (found.lookedAt !== null) say(`only the newest ${found.lookedAt} runs were looked at`);
      }),
    );
}

function phaseOf(text: string, before: RunPhase[] = []): RunPhase[] {
  if (!PHASES.includes(text)) throw new UsageError(`--phase takes one of ${PHASES.join(', ')}, not ${JSON.stringify(text)}`);
  return [...before, text as RunPhase];
}

/** What is said of runs that could not be asked. */
export function unanswered(count: number, byName: boolean): string {
  const of = count === 1 ? 'it' : 'them';
  const what = byName ? `whether ${count === 1 ? 'it has' : 'they have'} this name is not known` : `what Temporal's list knows of ${of} is shown`;
  return `${counted(count, 'run')} could not be asked (does a control worker run?): ${what}`;
}

export function rowOf({ summary: { run, state, startedAtMs, endedAtMs }, status }: RunsFound['runs'][number]): Row {
  const { phase = state, reason = '', message = '', name = null, nodesWanted = null, submittedAtMs = startedAtMs } = status ?? {};
  return { run, name, phase, reason, message, nodesWanted, submittedAtMs, endedAtMs: status?.endedAtMs ?? endedAtMs };
}

export function cells({ run, phase, message, nodesWanted, submittedAtMs, endedAtMs }: Row, nowMs: number): string[] {
  const took = formatDuration((endedAtMs ?? nowMs) - submittedAtMs);
  return [run, phase, nodesWanted === null ? '-' : String(nodesWanted), age(nowMs - submittedAtMs), took, printable(message)];
}
