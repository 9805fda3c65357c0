import type { Client } from '@temporalio/client';
import type { LoadedDataConverter, Payload } from '@temporalio/common';

/** An event of a workflow's history, as the server gives it. */
export type HistoryEvent = NonNullable<NonNullable<Awaited<ReturnType<Client['workflowService']['getWorkflowExecutionHistory']>>['history']>['events']>[number];

/** What an event of a run's history says, decoded; of an event that tells nothing of a run's story there is none. */
export type HistoryFact = { atMs: number } & (
  | { fact: 'began'; input: unknown[]; isContinued: boolean; by: string }
  | { fact: 'resolved'; result: unknown }
  | { fact: 'heard' | 'told'; name: string; message: unknown }
  | { fact: 'cellBegan'; cell: string; input: unknown }
  | { fact: 'cellBroken'; cell: string; how: string }
  | { fact: 'asked'; name: string; message: unknown; by: string }
  | { fact: 'denied'; why: string }
  | { fact: 'cancelled'; by: string }
  | { fact: 'wasReset'; why: string }
  | { fact: 'stuck'; why: string }
  | { fact: 'over'; how: 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timedOut' | 'continued'; message: string; status: unknown }
);

// Of the workflow task's failures it is the one that is nobody's fault.
const UNHANDLED_COMMAND = 1;
const LOCAL_ACTIVITY = 'core_local_activity';

/** Decodes an event with the client's data converter. Throws what that throws. */
export async function factOf(event: HistoryEvent, converter: LoadedDataConverter): Promise<HistoryFact | null> {
  const atMs = Number(event.eventTime?.seconds ?? 0) * 1_000 + Math.floor((event.eventTime?.nanos ?? 0) / 1_000_000);
  const decode = async (given: { payloads?: Payload[] | null } | null | undefined) => {
    let payloads = given?.payloads ?? [];
    for (const codec of converter.payloadCodecs) payloads = await codec.decode(payloads);
    return payloads.map((payload) => converter.payloadConverter.fromPayload<unknown>(payload));
  };
  const {
    workflowExecutionStartedEventAttributes: began,
    markerRecordedEventAttributes: marker,
    workflowExecutionSignaledEventAttributes: heard,
    signalExternalWorkflowExecutionInitiatedEventAttributes: told,
    startChildWorkflowExecutionInitiatedEventAttributes: cell,
    childWorkflowExecutionTerminatedEventAttributes: terminatedCell,
    childWorkflowExecutionFailedEventAttributes: failedCell,
    workflowExecutionUpdateAcceptedEventAttributes: asked,
    workflowExecutionUpdateCompletedEventAttributes: answered,
    workflowExecutionCancelRequestedEventAttributes: cancel,
    workflowTaskFailedEventAttributes: task,
  } = event;
  if (began) return { atMs, fact: 'began', input: await decode(began.input), isContinued: Boolean(began.continuedExecutionRunId), by: began.identity ?? '' };
  if (marker) return marker.markerName === LOCAL_ACTIVITY ? { atMs, fact: 'resolved', result: (await decode(marker.details?.['result']))[0] } : null;
  if (heard) return { atMs, fact: 'heard', name: heard.signalName ?? '', message: (await decode(heard.input))[0] };
  if (told) return { atMs, fact: 'told', name: told.signalName ?? '', message: (await decode(told.input))[0] };
  if (cell) return { atMs, fact: 'cellBegan', cell: cell.workflowId ?? '', input: (await decode(cell.input))[0] };
  if (terminatedCell) return { atMs, fact: 'cellBroken', cell: terminatedCell.workflowExecution?.workflowId ?? '', how: 'was terminated' };
  if (failedCell)
    return { atMs, fact: 'cellBroken', cell: failedCell.workflowExecution?.workflowId ?? '', how: `failed: ${failedCell.failure?.message ?? ''}` };
  if (asked) {
    const { input, meta } = asked.acceptedRequest ?? {};
    return { atMs, fact: 'asked', name: input?.name ?? '', message: (await decode(input?.args))[0], by: meta?.identity ?? '' };
  }
  if (answered) {
    const why = answered.outcome?.failure;
    return why ? { atMs, fact: 'denied', why: why.message ?? '' } : null;
  }
  if (cancel) return { atMs, fact: 'cancelled', by: cancel.identity ?? '' };
  if (task) {
    if (task.newRunId) return { atMs, fact: 'wasReset', why: task.failure?.message ?? '' };
    return task.cause === UNHANDLED_COMMAND ? null : { atMs, fact: 'stuck', why: task.failure?.message ?? '' };
  }
  return overOf(event, atMs, decode);
}

async function overOf(
  event: HistoryEvent,
  atMs: number,
  decode: (given: { payloads?: Payload[] | null } | null | undefined) => Promise<unknown[]>,
): Promise<HistoryFact | null> {
  const {
    workflowExecutionCompletedEventAttributes: completed,
    workflowExecutionFailedEventAttributes: failed,
    workflowExecutionCanceledEventAttributes: cancelled,
    workflowExecutionTerminatedEventAttributes: terminated,
    workflowExecutionTimedOutEventAttributes: timedOut,
    workflowExecutionContinuedAsNewEventAttributes: continued,
  } = event;
  const over = { atMs, fact: 'over' as const, message: '', status: undefined as unknown };
  if (completed) return { ...over, how: 'completed', status: (await decode(completed.result))[0] };
  if (failed) {
    const { message, applicationFailureInfo } = failed.failure ?? {};
    return { ...over, how: 'failed', message: message ?? '', status: (await decode(applicationFailureInfo?.details))[0] };
  }
  if (cancelled) return { ...over, how: 'cancelled', message: 'The workflow was cancelled', status: (await decode(cancelled.details))[0] };
  if (terminated) {
    const { reason, identity } = terminated;
    return { ...over, how: 'terminated', message: `The workflow was terminated${identity ? ` by ${identity}` : ''}${reason ? `: ${reason}` : ''}` };
  }
  if (timedOut) return { ...over, how: 'timedOut', message: 'The workflow timed out as a whole' };
  if (continued) return { ...over, how: 'continued' };
  return null;
}
