import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../activities/host/replace-file.js';
import { openPeerPort, type PeerPort } from '../activities/network/peer-port.js';

/**
 * Listens for the other agents where the predecessor on this data directory did, since a sealed roster names that port; on another one where it
 * is taken meanwhile. A port that was asked for is taken, or fails with a sentence.
 */
export async function openHostPort(dataDir: string, address: string, wanted: number | undefined): Promise<PeerPort> {
  if (wanted !== undefined) return openPeerPort({ address, port: wanted });
  const file = join(dataDir, 'port');
  const former = formerPort(file);
  const again = former === undefined ? undefined : await openPeerPort({ address, port: former }).catch(() => undefined);
  const port = again ?? (await openPeerPort({ address }));
  if (port.port !== former) replaceFile(file, `${port.port}\n`);
  return port;
}

function formerPort(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}
