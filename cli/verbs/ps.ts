import { Command } from 'commander';
import type { Muster, RunSummary } from '../../client/index.js';
import { formatDuration } from '../duration.js';
import { wholeNumber } from '../numbers.js';
import { print, printJson } from '../print.js';
import { table } from '../table.js';
import { withMuster } from '../with-muster.js';

const DEFAULT_LIMIT = 20;
const ASKED_AT_ONCE = 10;

/** What is known of a run; `nodes` only where the run could be asked. */
interface Row {
  run: string;
  phase: string;
  reason: string;
  message: string;
  nodes: number | null;
  startedAtMs: number;
  endedAtMs: number | null;
}

export function ps(): Command {
  return new Command('ps')
    .description('list runs, the newest first')
    .option('-n, --limit <count>', 'at most so many', wholeNumber('--limit', 1, 10_000), DEFAULT_LIMIT)
    .option('--json', 'one JSON object a line')
    .action(({ limit, json }: { limit: number; json?: true }) =>
      withMuster(async (muster) => {
        const rows = await describeAll(muster, await muster.runs.list({ limit }));
        if (json) for (const row of rows) printJson(row);
        else for (const line of table(['RUN', 'PHASE', 'NODES', 'STARTED', 'TOOK', 'MESSAGE'], rows.map(cells))) print(line);
      }),
    );
}

async function describeAll(muster: Muster, runs: RunSummary[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (let i = 0; i < runs.length; i += ASKED_AT_ONCE) {
    rows.push(...(await Promise.all(runs.slice(i, i + ASKED_AT_ONCE).map((run) => describe(muster, run)))));
  }
  return rows;
}

async function describe(muster: Muster, { run, runId, state, startedAtMs, endedAtMs }: RunSummary): Promise<Row> {
  try {
    const { phase, reason, message, nodesWanted } = await muster.runs.get(run, { runId }).status();
    return { run, phase, reason, message, nodes: nodesWanted, startedAtMs, endedAtMs };
  } catch {
    // No control worker answers, or retention took it meanwhile: Temporal's own word will do.
    return { run, phase: state, reason: '', message: '', nodes: null, startedAtMs, endedAtMs };
  }
}

function cells({ run, phase, message, nodes, startedAtMs, endedAtMs }: Row): string[] {
  const took = formatDuration((endedAtMs ?? Date.now()) - startedAtMs);
  return [run, phase, nodes === null ? '-' : String(nodes), `${formatDuration(Date.now() - startedAtMs)} ago`, took, message];
}
