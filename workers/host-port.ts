import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../activities/host/replace-file.js';
import { AddressNotFound } from '../activities/network/errors.js';
import { openPeerPort, type PeerPort } from '../activities/network/peer-port.js';

/**
 * Listens for the other agents where the predecessor on this data directory did, since a sealed roster names that port; on another one where it
 * is taken meanwhile. At the address that it was told, else at all of them: which one a run uses is not known yet. A port that was asked for is
 * taken, or fails with a sentence.
 */
export async function openHostPort(dataDir: string, told: string | null, wanted: number | undefined): Promise<PeerPort> {
  const open = (port?: number) => openAt(told, port);
  if (wanted !== undefined) return open(wanted);
  const file = join(dataDir, 'port');
  const former = formerPort(file);
  const again = former === undefined ? undefined : await open(former).catch(() => undefined);
  const port = again ?? (await open());
  if (port.port !== former) replaceFile(file, `${port.port}\n`);
  return port;
}

async function openAt(told: string | null, port: number | undefined): Promise<PeerPort> {
  if (told !== null) return openPeerPort({ address: told, port });
  // Both families at once; where there is no IPv6, the other alone.
  return openPeerPort({ address: '::', port }).catch((error: unknown) => {
    if (error instanceof AddressNotFound || hasNoIpv6(error)) return openPeerPort({ address: '0.0.0.0', port });
    throw error;
  });
}

function hasNoIpv6(error: unknown): boolean {
  return error instanceof Error && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EAFNOSUPPORT';
}

function formerPort(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}
