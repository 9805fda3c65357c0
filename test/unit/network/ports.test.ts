import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { holdPort } from '../../../activities/network/held-port.js';
import { isListening } from '../../../activities/network/listening.js';

const open: Server[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listen(host: string, port = 0): Promise<number> {
  const server = createServer();
  open.push(server);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

test('a port is listened on at its own address only', async () => {
  const port = await listen('127.0.5.2');
  expect([isListening('127.0.5.2', port), isListening('127.0.5.3', port), isListening('127.0.5.2', port === 65_535 ? 1 : port + 1)]).toEqual([
    true,
    false,
    false,
  ]);
});

test.each([
  ['0.0.0.0', '127.0.5.2'],
  ['::', '127.0.5.2'],
  ['::', '::1'],
  ['::1', '::1'],
  ['::ffff:127.0.5.4', '127.0.5.4'],
])('a program that listens on %s is heard at %s', async (bound, asked) => {
  const port = await listen(bound);
  expect(isListening(asked, port)).toBe(true);
});

test('what listens on IPv4 alone is not heard at an IPv6 address', async () => {
  const port = await listen('0.0.0.0');
  expect(isListening('::1', port)).toBe(false);
});

test('a held port is free for nobody, and for anybody as soon as it is released', async () => {
  const held = await holdPort();
  if (!held) throw new Error('no port was free');
  await expect(listen('127.0.5.2', held.port)).rejects.toThrow('EADDRINUSE');
  expect(await holdPort(held.port)).toBeUndefined();
  held.release();
  expect(await listen('0.0.0.0', held.port)).toBe(held.port);
});
