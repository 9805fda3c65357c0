import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, isGrpcServiceError } from '@temporalio/client';
import { filesWorkflowId } from '../../../spec/ids.js';
import type { PackedBytes } from '../../../spec/task/files.js';
import type { Agent } from '../agent.js';
import { replaceFile } from '../replace-file.js';

const NOT_FOUND = 5;

/** Where this host keeps what it has fetched, by digest. */
export function cacheDir(dataDir: string): string {
  return join(dataDir, 'files');
}

/** The bytes of this digest: from this host's disk, or, once a host, from Temporal. Throws with a sentence. */
export async function fetchBytes({ client, dataDir }: Pick<Agent, 'client' | 'dataDir'>, { digest, parts }: PackedBytes): Promise<Buffer> {
  const file = join(cacheDir(dataDir), digest);
  const kept = readIfThere(file);
  if (kept && sha256(kept) === digest) {
    const now = new Date();
    utimesSync(file, now, now); // The last use, for who clears up.
    return kept;
  }
  const data = Buffer.concat(await inTurn(parts, (part) => fetchPart(client, part)));
  if (sha256(data) !== digest) throw new Error(`the parts of the files ${digest.slice(0, 12)}… do not make up what was packed; submit the task again`);
  mkdirSync(cacheDir(dataDir), { recursive: true, mode: 0o700 });
  replaceFile(file, data);
  return data;
}

/** A part stands in the first event of the workflow that keeps it; to read it takes no worker and leaves nothing. */
async function fetchPart(client: Client, digest: string): Promise<Buffer> {
  const { namespace, loadedDataConverter } = client.options;
  const request = { namespace, execution: { workflowId: filesWorkflowId(digest) }, maximumPageSize: 1 };
  const { history } = await client.workflowService.getWorkflowExecutionHistory(request).catch((error: unknown) => {
    const gone = isGrpcServiceError(error) && error.code === NOT_FOUND;
    throw gone ? new Error(`the files ${digest.slice(0, 12)}… are no longer kept in Temporal; submit the task again`) : error;
  });
  let payloads = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  for (const codec of loadedDataConverter.payloadCodecs) payloads = await codec.decode(payloads);
  const [payload] = payloads;
  const part = payload ? loadedDataConverter.payloadConverter.fromPayload<unknown>(payload) : undefined;
  if (!(part instanceof Uint8Array) || sha256(part) !== digest) {
    throw new Error(`what Temporal keeps as the files ${digest.slice(0, 12)}… is something else; submit the task again`);
  }
  return Buffer.from(part);
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
