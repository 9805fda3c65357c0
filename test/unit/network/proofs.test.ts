import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { PeerPort } from '../../../activities/network/peer-port.js';
import { peersToProve, provePeers } from '../../../activities/network/proofs.js';
import { encode, newNonce, PROTOCOL_VERSION, signProof } from '../../../activities/network/protocol.js';
import { dial, leaveNothingOpen, openPort, until } from './meeting-place.js';

afterEach(leaveNothingOpen);

const OF_RUN = { runId: 'run-a', generation: 2, digest: 'digest-of-the-list', token: 'the-token-of-run-a' };

const prove = (peers: { rank: number; address: string; port: number }[], signal = new AbortController().signal) =>
  provePeers({ ...OF_RUN, from: 1, localAddress: '127.0.0.9', signal }, peers);

const at = (port: PeerPort, rank: number) => ({ rank, address: port.address, port: port.port });

describe('the peers of a node', () => {
  const all = (mode: Parameters<typeof peersToProve>[0], nodes: number) =>
    Array.from({ length: nodes }, (_, rank) => peersToProve(mode, rank, nodes, OF_RUN.digest));

  it('are everybody but rank 0, nobody, or those of rank 0 alone', () => {
    expect(all('all', 3)).toEqual([[1, 2], [2], [1]]);
    expect(all('off', 3)).toEqual([[], [], []]);
    expect(all('master', 3)).toEqual([[1, 2], [], []]);
    expect(all('ring', 1)).toEqual([[]]);
  });

  it('are in a ring both neighbours and some by chance, the same on every try', () => {
    const rings = all('ring', 100);
    expect(rings).toEqual(all('ring', 100));
    for (const [rank, peers] of rings.entries()) {
      expect(peers).not.toContain(rank);
      expect(peers).not.toContain(0);
      expect(peers).toEqual(expect.arrayContaining([(rank + 1) % 100, (rank + 99) % 100].filter((peer) => peer !== 0)));
    }
    const tried = rings.flat().length;
    expect(tried).toBeGreaterThan(6 * 100);
    expect(tried).toBeLessThan(10 * 100);
  });
});

describe('a proof', () => {
  it('is given by the node that was meant, also when it comes a little later', async () => {
    const there = await openPort();
    const proving = prove([at(there, 2)]);
    await until(
      () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length,
      (sockets) => sockets === 2,
    );
    const known = there.meetPeers({ ...OF_RUN, rank: 2 });
    expect(await proving).toEqual([]);
    known.close();
  });

  it('is not given by another rank, run or program, nor by one that echoes, each of which is named', { timeout: 10_000 }, async () => {
    const [other, stranger] = [await openPort(), await openPort({ address: '127.0.0.3' })];
    other.meetPeers({ ...OF_RUN, rank: 5 });
    stranger.meetPeers({ ...OF_RUN, token: 'the-token-of-another', rank: 3 });
    const programs = [
      createServer((socket) =>
        socket
          .on('error', () => {})
          .resume()
          .end('HTTP/1.1 400 Bad Request\r\n\r\n'),
      ),
      createServer((socket) => socket.on('error', () => {}).pipe(socket)),
    ];
    const ports = await Promise.all(
      programs.map(async (server) => {
        server.listen(0, '127.0.0.4');
        await once(server, 'listening');
        return (server.address() as AddressInfo).port;
      }),
    );
    const closed = await prove([at(other, 2), at(stranger, 3), ...ports.map((port, i) => ({ rank: 4 + i, address: '127.0.0.4', port }))]);
    for (const server of programs) server.close();
    expect(closed).toEqual([2, 3, 4, 5].map((to) => ({ from: 1, to, why: 'another host or program answered' })));
  });

  it('is not given to one that does not know the token, who hears nothing', async () => {
    const there = await openPort();
    there.meetPeers({ ...OF_RUN, rank: 2 });
    const claim = { runId: OF_RUN.runId, generation: 2, digest: OF_RUN.digest, from: 1, to: 2, nonce: newNonce() };
    const raw = await dial(there);
    raw.socket.write(encode({ muster: PROTOCOL_VERSION, t: 'prove', ...claim, mac: signProof('a guess', 'prove', claim) }));
    await until(raw.closed, (closed) => closed);
    expect(raw.heard()).toBe('');
  });

  it('ends when nobody wants it any more', async () => {
    const there = await openPort();
    const wanted = new AbortController();
    const proving = prove([at(there, 2)], wanted.signal);
    wanted.abort(new Error('not wanted'));
    await there.close();
    await expect(proving).rejects.toThrow('not wanted');
  });
});
