import { createHash } from 'node:crypto';
import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { controlQueue, filesWorkflowId } from '../../spec/ids.js';
import { filesUsed, WORKFLOW_TYPES } from '../../spec/messages.js';
import type { PackedBytes } from '../../spec/task/files.js';

/** Below half a megabyte, from which on a server warns of large payloads. */
const PART_BYTES = 480 * 2 ** 10;

/** Sends bytes to where agents find them, part by part; what is there already is not sent again. */
export async function sendBytes(client: Client, fleet: string, data: Buffer): Promise<PackedBytes> {
  const parts: string[] = [];
  for (let at = 0; at === 0 || at < data.length; at += PART_BYTES) {
    const part = data.subarray(at, at + PART_BYTES);
    const digest = sha256(part);
    parts.push(digest);
    if (!(await isThere(client, digest))) await send(client, fleet, digest, part);
  }
  return { digest: sha256(data), bytes: data.length, parts };
}

async function isThere(client: Client, digest: string): Promise<boolean> {
  const handle = client.workflow.getHandle(filesWorkflowId(digest));
  try {
    if ((await handle.describe()).status.name !== 'RUNNING') return false;
    await handle.signal(filesUsed);
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

async function send(client: Client, fleet: string, digest: string, part: Buffer): Promise<void> {
  try {
    await client.workflow.start(WORKFLOW_TYPES.files, {
      workflowId: filesWorkflowId(digest),
      taskQueue: controlQueue(fleet),
      args: [new Uint8Array(part)],
      workflowIdConflictPolicy: 'USE_EXISTING',
      staticSummary: `${part.length} bytes of the files of tasks, kept until 30 days after their last use`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
