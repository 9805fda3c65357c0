import { describe, expect, it } from 'vitest';
import { OWN_PROTOCOL } from '../../../spec/protocol.js';
import type { HostAddresses } from '../../../workflows/decisions/address/options.js';
import type { FleetHost } from '../../../workflows/decisions/lease.js';
import { decidePlan } from '../../../workflows/decisions/plan.js';
import { host, hosts } from './hosts-with-addresses.js';

const ANY = { network: null, interface: null };

function inFleet({ host: id, candidates, told }: HostAddresses): FleetHost {
  const machine = { identity: id, address: 'shown', cpus: 1, memoryMb: 1, gpus: 0, gpuModel: null, gpuMemoryMb: null, labels: {}, version: '0' };
  const facts = { ...machine, host: id, candidates: [...candidates], told, protocol: OWN_PROTOCOL };
  return { facts, announcedAtMs: 0, silent: false, leaving: false, drained: false, lease: null };
}

function plan(all: HostAddresses[], nodes: number[], change: { hosts?: string[]; wish?: typeof ANY | { network: string; interface: null } } = {}) {
  const parts = nodes.map((count, group) => ({ group, nodes: count, where: {}, resources: null }));
  return decidePlan(all.map(inFleet), 0, { fleet: 'default', parts, hosts: change.hosts ?? null, wish: change.wish ?? ANY });
}

const rows = (planned: ReturnType<typeof plan>) => planned.nodes.map(({ rank, group, host: id, address }) => [rank, group, id, address]);

describe('a plan', () => {
  const three = hosts(3, ['docker0 172.17.0.1/16', 'eth0 10.0.0.#/24']);

  it('has the addresses that a run would choose across all of its hosts, each with its reason', () => {
    const planned = plan(three, [2]);
    expect(rows(planned)).toEqual([
      [0, 0, 'h-1', '10.0.0.1'],
      [1, 0, 'h-2', '10.0.0.2'],
    ]);
    expect(planned.nodes[0]).toMatchObject({ interface: 'eth0', reason: '10.0.0.1 on eth0: the one network that all 2 hosts share' });
  });

  it('is in the order of addresses, numerically, and group by group; or as the hosts were named', () => {
    const all = [host('a', ['eth0 10.0.0.10/24']), host('b', ['eth0 10.0.0.9/24']), host('c', ['eth0 10.0.0.8/24'])];
    expect(rows(plan(all, [2])).map(([, , id]) => id)).toEqual(['b', 'a']);
    expect(rows(plan(all, [1, 2])).map(([rank, group, id]) => [rank, group, id])).toEqual([
      [0, 0, 'a'],
      [1, 1, 'c'],
      [2, 1, 'b'],
    ]);
    expect(rows(plan(all, [2], { hosts: ['a', 'c'] })).map(([, , id]) => id)).toEqual(['a', 'c']);
  });

  it('says why the addresses would not do', () => {
    const planned = plan(three, [2], { wish: { network: '192.168.0.0/16', interface: null } });
    expect(planned.nodes).toEqual([]);
    expect(planned.fails?.type).toBe('AddressNotFound');
  });

  it('says for what it would wait', () => {
    expect(plan(three, [4])).toMatchObject({
      nodes: [],
      fails: null,
      never: true,
      waits: expect.stringContaining('it needs 4 hosts; the fleet default has 3'),
    });
  });
});
