import { once } from 'node:events';
import type { Namespaces } from './namespaces.js';

// Frames keep what the kernel knows of them (PACKET_VNET_HDR), since neither checksums nor segments are made before a real card.
const WIRE = `
import collections, select, socket, sys, time
SOL_PACKET, VNET_HDR, IGNORE_OUTGOING, ALL = 263, 15, 23, 3
def end(device):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_PACKET, VNET_HDR, 1)
    s.setsockopt(SOL_PACKET, IGNORE_OUTGOING, 1)
    s.bind((device, ALL))
    s.setblocking(False)
    return s
delay, a, b = float(sys.argv[1]) / 1000, end(sys.argv[2]), end(sys.argv[3])
other, way = {a: b, b: a}, collections.deque()
print('up', flush=True)
while True:
    heard = select.select([a, b, sys.stdin], [], [], max(0, way[0][0] - time.monotonic()) if way else None)[0]
    if sys.stdin in heard:
        break
    for s in heard:
        try:
            while True:
                way.append((time.monotonic() + delay, other[s], s.recv(70000)))
        except OSError:
            pass
    while way and way[0][0] <= time.monotonic():
        try:
            _, s, frame = way.popleft()
            s.send(frame)
        except OSError:
            pass
`;

/** Carries every frame between two devices of a namespace, so many milliseconds later; resolves when it does. Ends with this process. */
export async function startSlowWire(namespaces: Namespaces, station: string, ms: number, devices: [string, string]): Promise<{ stop(): Promise<void> }> {
  const child = namespaces.spawn(station, ['python3', '-c', WIRE, String(ms), ...devices], { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  const ended = gone.then(() => {
    throw new Error('the slow wire ended before it was up');
  });
  await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), ended]);
  return {
    async stop() {
      child.stdin?.end();
      await gone;
    },
  };
}
