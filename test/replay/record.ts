import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { findTemporalBinary } from '../../workers/server/find.js';

/** Where the histories lie: `<behaviour>@<version that recorded it>.json`. */
export const HISTORIES = fileURLToPath(new URL('./histories/', import.meta.url));
const VERSION = '0.1';

/** Keeps the history of a workflow as it stands, where MUSTER_RECORD=1; else does nothing. */
export async function recordHistory(env: { client: Client; address: string }, behaviour: string, workflowId: string): Promise<void> {
  if (process.env['MUSTER_RECORD'] !== '1') return;
  const binary = await findTemporalBinary({ say: () => undefined });
  const { client, address } = env;
  const namespace = client.options.namespace;
  const shown = execFileSync(binary, ['workflow', 'show', '--workflow-id', workflowId, '--output', 'json', '--address', address, '--namespace', namespace]);
  // Stack traces and identities hold paths and names of this machine, and nothing of them is replayed.
  const lean = JSON.parse(shown.toString(), (key, value) => (key === 'stackTrace' ? '' : key === 'identity' ? 'test' : value));
  mkdirSync(HISTORIES, { recursive: true });
  writeFileSync(`${HISTORIES}${behaviour}@${VERSION}.json`, `${JSON.stringify({ workflowId, ...lean }, null, 1)}\n`);
}
