import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { TemporalUnreachable } from '../connection/dial.js';
import type { RunPhase, RunStatus } from '../spec/nodes.js';
import type { SearchAttribute } from '../spec/search-attributes.js';
import { invalidArgument } from './ask.js';
import { TemporalRefused } from './errors.js';
import { listed, OF_A_RUN, oneOf, quoted, statusWordsOf } from './run-query.js';
import { asSummary, type RunSummary } from './run-summary.js';

/** Which runs to search for. What is left out holds for all. */
export interface SearchOptions extends Filter {
  /** At most so many; 20 if left out. */
  limit?: number;
  signal?: AbortSignal;
}

interface Filter {
  /** Only runs in this phase, or in one of these. */
  phases?: RunPhase | readonly RunPhase[];
  /** Only runs whose task has this name. */
  name?: string;
}

/** What a search has found. */
export interface RunsFound {
  /** `status`: null where nobody could say. With `name` these are left out, since the name is not known. */
  runs: { summary: RunSummary; status: RunStatus | null }[];
  /** How: by Temporal's search attributes, or by asking each run, which is slower. */
  by: 'attributes' | 'asking';
  /** So many runs were looked at; there may be older ones. null: all were, that there are or were wanted. */
  lookedAt: number | null;
  /** So many of them could not be asked: no control worker answers for them, or Temporal does not keep them any more. */
  unanswered: number;
}

const DEFAULT_LIMIT = 20;
const ASKED_AT_ONCE = 10;
const MOST_LOOKED_AT = 2_000;

const PHASE: SearchAttribute = 'MusterPhase';
const NAME: SearchAttribute = 'MusterName';

/** `statusOf`: asks a run; what it throws counts as no answer, but for the absence of Temporal itself, which is thrown. */
export async function searchRuns(
  client: Client,
  { limit = DEFAULT_LIMIT, ...filter }: Omit<SearchOptions, 'signal'>,
  statusOf: (run: RunSummary) => Promise<RunStatus>,
): Promise<RunsFound> {
  const { indexed, runs } = await candidatesFor(client, filter, Math.max(limit, ASKED_AT_ONCE));
  const found: RunsFound = { runs: [], by: indexed ? 'attributes' : 'asking', lookedAt: null, unanswered: 0 };
  const take = async (batch: RunSummary[]) => {
    const statuses = await Promise.all(batch.map((run) => statusOf(run).catch(noAnswer)));
    const rows = batch.map((summary, i) => ({ summary, status: statuses[i] ?? null }));
    found.unanswered += statuses.filter((status) => status === null).length;
    found.runs.push(...rows.filter(({ summary, status }) => passes(filter, summary.state, status)));
  };
  let lookedAt = 0;
  let batch: RunSummary[] = [];
  for await (const info of runs) {
    const summary = asSummary(info);
    if (summary) batch.push(summary);
    if (batch.length < Math.min(ASKED_AT_ONCE, limit)) continue;
    lookedAt += batch.length;
    await take(batch);
    batch = [];
    if (found.runs.length >= limit) break;
    if (lookedAt >= MOST_LOOKED_AT) {
      found.lookedAt = lookedAt;
      break;
    }
  }
  await take(batch);
  found.runs.length = Math.min(found.runs.length, limit);
  return found;
}

function noAnswer(error: unknown): null {
  if (error instanceof TemporalUnreachable || error instanceof TemporalRefused) throw error;
  return null;
}

/**
 * The query of Temporal's list that leaves out as many as it can of those that do not pass the filter, and none that do. `indexed`: runs have told
 * the namespace their phase and name, if they were started since it has these search attributes.
 */
export function queryOf({ phases: given = [], name }: Filter, indexed: boolean): string {
  const phases = [given].flat();
  const clauses = [OF_A_RUN];
  const wanted = new Set(phases.flatMap(statusWordsOf));
  if (phases.length > 0) clauses.push(oneOf('ExecutionStatus', wanted));
  // Who was ended from outside could not say so.
  const fromOutside = ["ExecutionStatus = 'Terminated'", "ExecutionStatus = 'TimedOut'"];
  if (indexed && phases.length > 0) clauses.push(`(${[oneOf(PHASE, phases), `${PHASE} IS NULL`, ...fromOutside].join(' OR ')})`);
  if (indexed && name !== undefined) clauses.push(`(${NAME} = ${quoted(name)} OR ${NAME} IS NULL)`);
  return clauses.join(' AND ');
}

/** Does a run pass the filter? Where nobody can say how it stands, by what Temporal knows of it. */
export function passes({ phases: given = [], name }: Filter, state: RunPhase, status: RunStatus | null): boolean {
  const phases = [given].flat();
  const isPhase = phases.length === 0 || phases.includes(status?.phase ?? state);
  return isPhase && (name === undefined || status?.name === name);
}

/** Runs that may pass the filter, in the order of Temporal's list, a page at a time; `indexed` tells whether search attributes helped, or there was nothing to be helped. */
export async function candidatesFor(
  client: Client,
  filter: Filter,
  pageSize: number,
): Promise<{ indexed: boolean; runs: AsyncIterable<WorkflowExecutionInfo> }> {
  const isFiltered = [filter.phases ?? []].flat().length > 0 || filter.name !== undefined;
  const list = (indexed: boolean) => listed(client, queryOf(filter, indexed), pageSize);
  if (!isFiltered) return { indexed: true, runs: list(false) };
  const found = list(true);
  try {
    const first = await found.next();
    return { indexed: true, runs: resumed(first, found) };
  } catch (error) {
    // The namespace has no such search attributes.
    if (invalidArgument(error) === undefined) throw error;
    return { indexed: false, runs: list(false) };
  }
}

async function* resumed<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncGenerator<T, void, undefined> {
  for (let next = first; !next.done; next = await rest.next()) yield next.value;
}
