import type { Client } from '@temporalio/client';
import type { FailureNote } from '../../spec/nodes.js';
import { withLinkedSignal } from '../linked.js';
import type { StoryEvent } from './event.js';
import { factOf, type HistoryEvent } from './facts.js';
import { Story } from './story.js';

/** Older executions of a run that goes on for months are left out. */
const MOST_EXECUTIONS = 100;
const PAGE = 500;
const PAGE_WITHIN_MS = 20_000;

interface Where {
  client: Client;
  handle: string;
  /** Of the newest execution. */
  runId: string;
  signal: AbortSignal | undefined;
}

/** A run's story, the oldest event first, over its newest 100 executions that the server still has. What is held in memory does not grow with the history. */
export async function* storyOf(where: Where, notes: readonly FailureNote[]): AsyncGenerator<StoryEvent, void, undefined> {
  const story = new Story(notes);
  const { loadedDataConverter } = where.client.options;
  for (const runId of await executionsOf(where)) {
    for await (const event of eventsOf(where, runId)) {
      const fact = await factOf(event, loadedDataConverter);
      if (fact !== null) yield* story.take(fact);
    }
  }
  yield* story.end();
}

/** The run ids of its executions, the oldest first. */
async function executionsOf(where: Where): Promise<string[]> {
  const found: string[] = [];
  for (let runId: string | undefined = where.runId; runId && found.length < MOST_EXECUTIONS; ) {
    const first: HistoryEvent | undefined = await firstEvent(where, runId, found.length > 0);
    if (first === undefined) break;
    found.unshift(runId);
    runId = first.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
  }
  return found;
}

/** undefined: retention has taken it. */
async function firstEvent(where: Where, runId: string, mayBeGone: boolean): Promise<HistoryEvent | undefined> {
  try {
    return (await pageOf(where, runId, 1)).history?.events?.[0];
  } catch (error) {
    if (mayBeGone && (error as { code?: unknown }).code === NOT_FOUND) return undefined;
    throw error;
  }
}

// gRPC's number.
const NOT_FOUND = 5;

async function* eventsOf(where: Where, runId: string): AsyncGenerator<HistoryEvent> {
  for (let token: Uint8Array | undefined; ; ) {
    const page = await pageOf(where, runId, PAGE, token);
    yield* page.history?.events ?? [];
    if (!page.nextPageToken?.length) return;
    token = page.nextPageToken;
  }
}

function pageOf({ client, handle, signal }: Where, runId: string, maximumPageSize: number, nextPageToken?: Uint8Array) {
  const asked = { namespace: client.options.namespace, execution: { workflowId: handle, runId }, maximumPageSize, ...(nextPageToken ? { nextPageToken } : {}) };
  return withLinkedSignal([signal], (own) =>
    client.withAbortSignal(own, () => client.withDeadline(Date.now() + PAGE_WITHIN_MS, () => client.workflowService.getWorkflowExecutionHistory(asked))),
  );
}
