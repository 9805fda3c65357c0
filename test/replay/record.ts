import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

/** Where the histories lie: `<behaviour>@<version that recorded it>.json`. */
export const HISTORIES = fileURLToPath(new URL('./histories/', import.meta.url));
const VERSION = '0.1';

/** Keeps the history of a workflow as it stands, where MUSTER_RECORD=1; else does nothing. */
export async function recordHistory(client: Client, behaviour: string, workflowId: string): Promise<void> {
  if (process.env['MUSTER_RECORD'] !== '1') return;
  const history = await client.workflow.getHandle(workflowId).fetchHistory();
  // Stack traces hold paths of this machine, and nothing of them is replayed.
  const lean = JSON.parse(historyToJSON(history), (key, value) => (key === 'stackTrace' ? '' : value));
  mkdirSync(HISTORIES, { recursive: true });
  writeFileSync(`${HISTORIES}${behaviour}@${VERSION}.json`, `${JSON.stringify({ workflowId, ...lean }, null, 1)}\n`);
}
