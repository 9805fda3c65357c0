import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { WORKFLOW_TYPES } from '../spec/messages.js';
import type { RunPhase, RunStatus } from '../spec/nodes.js';
import type { SearchAttribute } from '../spec/search-attributes.js';
import { invalidArgument } from './ask.js';
import { asSummary, type RunSummary } from './run-summary.js';

/** Which runs to search for. What is left out holds for all. */
export interface SearchOptions extends Filter {
  /** At most so many; 20 if left out. */
  limit?: number;
}

interface Filter {
  /** Only runs in one of these phases. */
  phases?: readonly RunPhase[];
  /** Only runs whose task has this name. */
  name?: string;
}

/** What a search has found. */
export interface RunsFound {
  /** `status`: null where nobody could say. */
  runs: { summary: RunSummary; status: RunStatus | null }[];
  /** How: by Temporal's search attributes, or by asking each run, which is slower. */
  by: 'attributes' | 'asking';
  /** So many runs were looked at; there may be older ones. null: all were, that there are or were wanted. */
  lookedAt: number | null;
}

const DEFAULT_LIMIT = 20;
const ASKED_AT_ONCE = 10;
const MOST_LOOKED_AT = 2_000;

const [PHASE, NAME]: SearchAttribute[] = ['MusterPhase', 'MusterName'];
const OF_A_RUN = `WorkflowType = '${WORKFLOW_TYPES.run}'`;

/** What Temporal calls a workflow whose run is in such a phase. A run that was stopped has failed for Temporal. */
const EXECUTION_STATUSES: Record<string, readonly string[]> = {
  succeeded: ['Completed'],
  failed: ['Failed', 'TimedOut'],
  cancelled: ['Canceled', 'Terminated', 'Failed'],
};

/** `statusOf`: asks a run; what it throws counts as no answer. */
export async function searchRuns(
  client: Client,
  { limit = DEFAULT_LIMIT, ...filter }: SearchOptions,
  statusOf: (run: RunSummary) => Promise<RunStatus>,
): Promise<RunsFound> {
  const { indexed, runs } = await candidatesFor(client, filter, Math.max(limit, ASKED_AT_ONCE));
  const found: RunsFound = { runs: [], by: indexed ? 'attributes' : 'asking', lookedAt: null };
  const take = async (batch: RunSummary[]) => {
    const statuses = await Promise.all(batch.map((run) => statusOf(run).catch(() => null)));
    const rows = batch.map((summary, i) => ({ summary, status: statuses[i] ?? null }));
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

/**
 * The query of Temporal's list that leaves out as many as it can of those that do not pass the filter, and none that do. `indexed`: runs have told
 * the namespace their phase and name, if they were started since it has these search attributes.
 */
export function queryOf({ phases = [], name }: Filter, indexed: boolean): string {
  const clauses = [OF_A_RUN];
  const wanted = new Set(phases.flatMap((phase) => EXECUTION_STATUSES[phase] ?? ['Running']));
  if (phases.length > 0) clauses.push(`ExecutionStatus IN (${[...wanted].map(quoted).join(', ')})`);
  // Who was ended from outside could not say so.
  const fromOutside = ["ExecutionStatus = 'Terminated'", "ExecutionStatus = 'TimedOut'"];
  if (indexed && phases.length > 0) clauses.push(`(${[`${PHASE} IN (${phases.map(quoted).join(', ')})`, `${PHASE} IS NULL`, ...fromOutside].join(' OR ')})`);
  if (indexed && name !== undefined) clauses.push(`(${NAME} = ${quoted(name)} OR ${NAME} IS NULL)`);
  return clauses.join(' AND ');
}

/** Does a run pass the filter? Where nobody can say how it stands, by what Temporal knows of it. */
export function passes({ phases = [], name }: Filter, state: RunPhase, status: RunStatus | null): boolean {
  const isPhase = phases.length === 0 || phases.includes(status?.phase ?? state);
  return isPhase && (name === undefined || status?.name === name);
}

/** Runs that may pass the filter, the newest first, a page at a time; `indexed` tells whether search attributes helped, or there was nothing to be helped. */
export async function candidatesFor(
  client: Client,
  filter: Filter,
  pageSize: number,
): Promise<{ indexed: boolean; runs: AsyncIterable<WorkflowExecutionInfo> }> {
  const isFiltered = (filter.phases ?? []).length > 0 || filter.name !== undefined;
  const list = (indexed: boolean) => client.workflow.list({ query: queryOf(filter, indexed), pageSize });
  if (!isFiltered) return { indexed: true, runs: list(false) };
  const listed = list(true)[Symbol.asyncIterator]();
  try {
    const first = await listed.next();
    return { indexed: true, runs: resumed(first, listed) };
  } catch (error) {
    // The namespace has no such search attributes.
    if (invalidArgument(error) === undefined) throw error;
    return { indexed: false, runs: list(false) };
  }
}

async function* resumed<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncGenerator<T, void, undefined> {
  for (let next = first; !next.done; next = await rest.next()) yield next.value;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
