import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { replaceNodeFiles } from '../../../activities/host/node-files.js';
import type { NodeStart } from '../../../activities/host/node-start.js';
import { rosterBytes, rosterDigest } from '../../../spec/roster.js';
import { spawnReader } from '../../helpers/list-reader.js';
import { until } from '../../helpers/until.js';
import { OneHost } from './one-host.js';

const ip = (n: number) => `127.0.0.${n}`;

/** A list in which this host is the first of so many nodes, whose addresses say in which generation they were listed. */
function listOf(host: OneHost, generation: number, nodes: number): string {
  const of = (rank: number) => ({ rank, group: '0', host: `host-${rank + 1}`, address: ip(rank + 1), interface: 'lo', port: 1, gpus: 0, id: `${generation}` });
  return rosterBytes({ runId: host.run.runId, generation, masterPort: null, nodes: Array.from({ length: nodes }, (_, rank) => of(rank)) });
}

function take(host: OneHost, start: NodeStart, generation: number, nodes: number) {
  const bytes = listOf(host, generation, nodes);
  const input = {
    ...{ host: 'host-1', identity: 'one', run: host.run, generation, startNumber: start.record.startNumber, rank: 0, address: ip(1), nodes, token: 'token' },
    ...{ digest: rosterDigest(bytes), rendezvous: { address: ip(1), port: 1 }, rosterBytes: bytes, barrierDeadlineMs: 0, preflight: 'off' as const, fence: [] },
    decided: true,
  };
  return start.resizing.take(input, Date.now() + 5_000, new AbortController().signal);
}

const told = (host: OneHost) => (host.wrote('told') ?? '').split('\n').filter(Boolean);
/** Writes from which list to which it was told of, and waits for a file where there is to be one. */
const EXEC = 'echo "$(echo $MUSTER_OLD_NODES_IPS) -> $(echo $DSTACK_NODES_IPS)" >> "$WHERE/told"; until [ ! -e "$WHERE/hold" ]; do sleep 0.01; done';

it('a command of on_resize that was told of a list is told next of what has changed since that one', async () => {
  const host = new OneHost({ onResize: { do: 'exec', command: EXEC, timeoutSeconds: 10 } });
  const start = await host.running();
  writeFileSync(host.path('hold'), '');
  await take(host, start, 2, 2);
  await until(() => told(host), [`${ip(1)} -> ${ip(1)} ${ip(2)}`]);
  await take(host, start, 3, 3);
  await take(host, start, 4, 1);
  execFileSync('rm', [host.path('hold')]);
  await until(() => told(host), [`${ip(1)} -> ${ip(1)} ${ip(2)}`, `${ip(1)} ${ip(2)} -> ${ip(1)}`]);
  await until(() => start.record.oldList, null);
});

it('a reader never sees half of a list while it is replaced a thousand times', async () => {
  const host = new OneHost({});
  const start = await host.running();
  const replacements = 1_000;
  const nodes = (generation: number) => 1 + (generation % 40);
  const write = (generation: number) => replaceNodeFiles(host.agent, start.record, listOf(host, generation, nodes(generation)), '');
  write(2);
  const reader = spawnReader(
    ['nodes', 'roster.json', 'hostfile'].map((name) => join(start.dir, name)),
    host.path('read'),
  );
  await until(() => existsSync(host.path('read')), true);
  for (let generation = 3; generation < 3 + replacements; generation++) {
    write(generation);
    // Lets the reader have its turn where there is one processor.
    if (generation % 50 === 0) await new Promise(setImmediate);
  }
  const { lists, rosters, hostfiles, reads } = await reader.end();
  const whole = Array.from({ length: 40 }, (_, i) => Array.from({ length: i + 1 }, (__, rank) => ip(rank + 1)));
  expect(lists.filter((text) => !whole.some((ips) => ips.join('\n') === text))).toEqual([]);
  expect(hostfiles.filter((text) => !whole.some((ips) => `${ips.join('\n')}\n` === text))).toEqual([]);
  for (const text of rosters) {
    const roster = JSON.parse(text);
    expect([text, roster.nodes.length]).toEqual([text, nodes(roster.generation)]);
  }
  expect(reads).toBeGreaterThan(100);
  expect(Math.min(lists.length, hostfiles.length, rosters.length)).toBeGreaterThan(20);
  expect(readFileSync(join(start.dir, 'nodes'), 'utf8').split('\n')).toHaveLength(nodes(2 + replacements));
});
