import type { Client } from '@temporalio/client';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { WORKFLOW_TYPES } from '../../spec/messages.js';

type History = NonNullable<Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']>;

/** Something that was sent once, and can be sent again. */
export interface Sent {
  /** Of the signal or the activity. */
  name: string;
  /** The workflow that a signal went to, the queue that an activity was for. */
  to: string;
  args: unknown[];
}

/** The events of the newest execution. */
export async function historyOf(client: Client, workflowId: string): Promise<History> {
  return (await client.workflow.getHandle(workflowId).fetchHistory()).events ?? [];
}

/** The cells that the newest execution has started, oldest first. */
export async function cellsOf(client: Client, run: string): Promise<string[]> {
  const events = await historyOf(client, run);
  return events.flatMap(({ startChildWorkflowExecutionInitiatedEventAttributes: child }) =>
    child?.workflowType?.name === WORKFLOW_TYPES.cell && child.workflowId ? [child.workflowId] : [],
  );
}

/** The signals that a workflow has got, and those that it has sent to others. */
export async function signalsOf(client: Client, workflowId: string): Promise<Sent[]> {
  const events = await historyOf(client, workflowId);
  return events.flatMap(({ workflowExecutionSignaledEventAttributes: got, signalExternalWorkflowExecutionInitiatedEventAttributes: sent }) => {
    if (got) return [{ name: got.signalName ?? '', to: workflowId, args: argsOf(got.input) }];
    return sent ? [{ name: sent.signalName ?? '', to: sent.workflowExecution?.workflowId ?? '', args: argsOf(sent.input) }] : [];
  });
}

/** The activities that a workflow has scheduled; `over`: with those whose end is in its history. */
export async function activitiesOf(client: Client, workflowId: string): Promise<(Sent & { over: boolean })[]> {
  const events = await historyOf(client, workflowId);
  const over = new Set(events.map(({ activityTaskCompletedEventAttributes: done }) => String(done?.scheduledEventId)));
  return events.flatMap(({ eventId, activityTaskScheduledEventAttributes: scheduled }) => {
    if (!scheduled) return [];
    return [{ name: scheduled.activityType?.name ?? '', to: scheduled.taskQueue?.name ?? '', args: argsOf(scheduled.input), over: over.has(String(eventId)) }];
  });
}

function argsOf(input: { payloads?: unknown[] | null } | null | undefined): unknown[] {
  return (input?.payloads ?? []).map((payload) => defaultPayloadConverter.fromPayload(payload as Payload));
}
