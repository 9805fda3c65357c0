import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findInPath } from '../../activities/host/find-in-path.js';
import { type Machines, muster, startMachines } from '../helpers/machines.js';
import { exampleDir } from '../helpers/python.js';
import { processesOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';
import { describeWhere } from '../helpers/where-possible.js';

const hasEtcd = ['etcd', 'etcdctl'].every((name) => findInPath(name, process.env['PATH']));
const ips = [1, 2, 3, 4, 5].map((n) => `127.57.0.${n}`);

describeWhere(hasEtcd, 'an etcd cluster that is rescaled: etcd or etcdctl is missing')('etcd', () => {
  let machines: Machines;
  beforeAll(async () => {
    machines = await startMachines(
      57,
      ips.map((_, i) => `host-${i + 1}`),
    );
  });
  afterAll(() => machines.stop());

  it('grows from three to five members and shrinks back without losing a write that was acknowledged', async () => {
    cpSync(exampleDir('etcd'), join(machines.dir, 'etcd'), { recursive: true });
    const started = await muster(['run', '--id', 'etcd', '--detach', join(machines.dir, 'etcd', 'etcd.yml')], machines.env);
    expect(started, started.stderr).toMatchObject({ code: 0 });
    const { runId } = await untilPhase(machines.client, 'etcd', 'running');
    await until(() => members(0), ips.slice(0, 3), 20_000);
    const old = processesOf(runId);
    const writer = new Writer();
    await until(() => writer.acknowledged.size > 50, true, 20_000);
    for (const nodes of [5, 3]) {
      const scaled = await muster(['scale', 'etcd', `${nodes}`], machines.env);
      expect(scaled, scaled.stderr).toMatchObject({ code: 0 });
      await until(() => members(0), ips.slice(0, nodes), 60_000);
      const before = writer.acknowledged.size;
      await until(() => writer.acknowledged.size > before + 50, true, 20_000);
    }
    await writer.stop();
    expect(old.filter((pid) => !processesOf(runId).includes(pid))).toEqual([]);
    expect([...writer.through].sort()).toEqual(ips);
    for (const member of [0, 1, 2]) {
      const kept = await numbersIn(member);
      expect([...writer.acknowledged].filter((number) => !kept.has(number))).toEqual([]);
    }
    await muster(['stop', 'etcd', '--now'], machines.env);
    await untilNothingLeft(runId);
  }, 180_000);
});

/** Writes numbered keys through one member after the other, those too that are not there yet, or no longer. */
class Writer {
  readonly acknowledged = new Set<number>();
  readonly through = new Set<string>();
  #goesOn = true;
  readonly #written = this.#write();

  async stop(): Promise<void> {
    this.#goesOn = false;
    await this.#written;
  }

  async #write(): Promise<void> {
    for (let number = 0; this.#goesOn; number++) {
      const member = number % ips.length;
      const isWritten = await ask(member, 'kv/put', { key: base64(`n/${number}`), value: base64(`${number}`) }).catch(() => null);
      if (isWritten === null) continue;
      this.acknowledged.add(number);
      this.through.add(ips[member] ?? '');
    }
  }
}

/** The addresses of the members that have started, as one of them says. */
async function members(member: number): Promise<string[]> {
  const { members: found = [] } = await ask<{ members?: { name?: string; peerURLs: string[] }[] }>(member, 'cluster/member/list', {});
  return found.flatMap(({ name, peerURLs }) => (name ? [new URL(peerURLs[0] ?? '').hostname] : [])).sort();
}

async function numbersIn(member: number): Promise<Set<number>> {
  const { kvs = [] } = await ask<{ kvs?: { value: string }[] }>(member, 'kv/range', { key: base64('n/'), range_end: base64('n0') });
  return new Set(kvs.map(({ value }) => Number(Buffer.from(value, 'base64').toString())));
}

async function ask<T>(member: number, what: string, body: object): Promise<T> {
  const answer = await fetch(`http://${ips[member]}:23790/v3/${what}`, { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(3_000) });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
