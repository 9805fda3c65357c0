import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../../helpers/until.js';
import { OneHost } from './one-host.js';

/** The port of a lost host's agent, which hangs up on whoever calls. */
let silent: Server;
const callsAtMs: number[] = [];

beforeEach(async () => {
  callsAtMs.length = 0;
  silent = createServer((socket) => {
    callsAtMs.push(performance.now());
    socket.on('error', () => undefined).destroy();
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
});
afterEach(() => new Promise((resolve) => silent.close(resolve)));

function lost(): { host: string; address: string; port: number; startNumber: number }[] {
  const at = silent.address();
  return [{ host: 'gone', address: '127.0.0.1', port: typeof at === 'object' && at ? at.port : 0, startNumber: 1 }];
}

/** How long three calls took, of which two waited for a second each where nobody else calls. */
async function threeCallsAfter(index: number): Promise<number> {
  const calls = await until(
    () => callsAtMs.slice(index, index + 3),
    (seen) => seen.length === 3,
    10_000,
  );
  return (calls[2] ?? 0) - (calls[0] ?? 0);
}

it('lost hosts are called once a second, however often the start was asked for', async () => {
  const host = new OneHost({});
  const start = await host.prepare();
  for (let asked = 0; asked < 10; asked++) host.begin(start, { fence: lost(), again: asked > 0 });
  // Each calls at once.
  expect(await threeCallsAfter(10)).toBeGreaterThan(1_500);
});

it('a new agent goes on calling them', async () => {
  const host = new OneHost({});
  host.begin(await host.prepare(), { fence: lost() });
  await until(() => callsAtMs.length, 1);
  await host.seats.detach();
  host.succeed();
  await until(() => callsAtMs.length, 2);
});

it('they are called no more once the node has ended', async () => {
  const over = new OneHost({ commands: ['exit 0'] });
  over.begin(await over.prepare(), { fence: lost() });
  await over.end();
  await until(() => callsAtMs.length, 1);
  const another = new OneHost({});
  another.begin(await another.prepare(), { fence: lost() });
  expect(await threeCallsAfter(callsAtMs.length)).toBeGreaterThan(1_500);
});
