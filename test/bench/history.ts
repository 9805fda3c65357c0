import type { Client } from '@temporalio/client';

/** What a run's history says of when it heard and told things: epoch milliseconds of the server's clock. */
export interface Moments {
  events: number;
  bytes: number;
  /** Signals that the run got. */
  heard(signal: string): { atMs: number; message: Record<string, unknown> }[];
  /** Signals that it sent, to its cells mostly. */
  told(signal: string): number[];
  /** Updates that it took, each when it was recorded. */
  accepted(update: string): number[];
  /** When the run had acted upon what happened then. */
  actedMs(atMs: number): number;
}

export async function readMoments(client: Client, run: string): Promise<Moments> {
  const handle = client.workflow.getHandle(run);
  const { events } = await handle.fetchHistory();
  const all = (events ?? []).map((event) => ({ ...event, atMs: Number(event.eventTime?.seconds ?? 0) * 1000 + (event.eventTime?.nanos ?? 0) / 1e6 }));
  const { historyLength, historySize } = await handle.describe();
  return {
    events: historyLength,
    bytes: historySize ?? 0,
    heard: (signal) =>
      all.flatMap(({ atMs, workflowExecutionSignaledEventAttributes: it }) =>
        it?.signalName === signal ? [{ atMs, message: JSON.parse(Buffer.from(it.input?.payloads?.[0]?.data ?? []).toString('utf8')) }] : [],
      ),
    told: (signal) => all.flatMap(({ atMs, ...event }) => (event.signalExternalWorkflowExecutionInitiatedEventAttributes?.signalName === signal ? [atMs] : [])),
    accepted: (update) =>
      all.flatMap(({ atMs, ...event }) => (event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.name === update ? [atMs] : [])),
    actedMs: (atMs) => all.find((event) => event.workflowTaskCompletedEventAttributes && event.atMs >= atMs)?.atMs ?? Number.NaN,
  };
}
