import { once, setMaxListeners } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Client } from '@temporalio/client';
import { expect, it } from 'vitest';
import { ask } from '../../../client/ask.js';
import { Muster, NobodyAnswers, TemporalUnreachable } from '../../../client/index.js';
import { dial, lazyClient } from '../../../connection/dial.js';

/** As grpc-js throws it. */
const rpc = (code: number) => Object.assign(new Error(`${code}`), { code, details: '', metadata: {} });

it.each([
  ['Temporal itself is away', 4, () => Promise.reject(rpc(14)), TemporalUnreachable],
  ['Temporal answers, and no control worker does', 4, () => Promise.resolve({}), NobodyAnswers],
  ['Temporal knows of no control worker', 9, () => Promise.reject(rpc(14)), NobodyAnswers],
])('an answer that does not come: %s', async (_, code, getSystemInfo, kind) => {
  const withDeadline = <T>(_deadline: number, call: () => Promise<T>) => call();
  const client = { withDeadline, connection: { withDeadline, workflowService: { getSystemInfo } } } as unknown as Client;
  const error = await ask(client, 'the run x', () => Promise.reject(rpc(code))).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(kind);
});

it('calls that last end with the reason of their signal at once, also while Temporal is away', async () => {
  const muster = new Muster(lazyClient({ address: '127.0.0.1:1', namespace: 'default' }));
  const stop = new AbortController();
  const { signal } = stop;
  setMaxListeners(0, signal);
  const calls = [
    muster.runs.list({ signal }),
    muster.runs.all({ signal }).next(),
    muster.runs.search({ signal }),
    muster.schedules.apply({ commands: ['true'], schedule: { every: '1h' } }, { signal }),
    muster.runs.start({ commands: ['true'] }, { signal }),
    muster.runs.get('x').wait({ signal }),
  ];
  const ends = Promise.all(calls.map((call) => call.catch((error: unknown) => error)));
  const reason = new Error('enough');
  stop.abort(reason);
  expect(await ends).toEqual(calls.map(() => reason));
  expect(await muster.runs.list({ signal }).catch((error: unknown) => error)).toBe(reason);
  await muster.close();
}, 10_000);

it('what answers and is not Temporal is named as that, with its address', async () => {
  const server = createServer((_, response) => {
    response.writeHead(404);
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const error = await dial({ address, namespace: 'default' }).catch((thrown: unknown) => thrown);
  server.close();
  expect(error).toBeInstanceOf(TemporalUnreachable);
  expect(String(error)).toContain(`Something that is not Temporal answers at ${address} (`);
});
