import { describe, expect, it } from 'vitest';
import { MOST_ANNOUNCED } from '../../../spec/candidates.js';
import { OWN_PROTOCOL } from '../../../spec/protocol.js';
import { type FleetState, newFleet, packFleet, unpackFleet } from '../../../workflows/decisions/fleet-state.js';
import { type FleetHost, listHosts } from '../../../workflows/decisions/lease.js';
import { candidate } from './hosts-with-addresses.js';

const MIB = 2 ** 20;
const id = (kind: string, i: number) => `${kind}${i.toString(16).padStart(7, '0')}-9a1f-4c0e-8a57-3d8f0b62c4e1`;
const bytesOf = (state: FleetState) => Buffer.byteLength(JSON.stringify(packFleet(state)));

/** A GPU machine with two networks, each in IPv4 and IPv6, containers, and a run of its own. */
function machine(i: number): FleetHost {
  const at = `${(i >> 8) & 255}.${i & 255}`;
  return {
    facts: {
      ...{ host: `gpu-node-${i}.cluster-a`, identity: id('a', i), address: `10.20.${at}` },
      candidates: [
        candidate(`enp3s0f0 10.20.${at}/16 default 100G`),
        candidate(`enp3s0f0 2001:db8:7:1::${i.toString(16)}/64 default 100G`),
        candidate(`bond1 10.30.${at}/16 200G`),
        candidate(`bond1 2001:db8:7:2::${i.toString(16)}/64 200G`),
        candidate(`veth${i.toString(16).padStart(7, '0')} 10.88.${at}/32`),
        candidate('docker0 172.17.0.1/16'),
      ],
      told: { address: i % 2 === 0 ? `10.20.${at}` : null, network: null, interface: null },
      ...{ cpus: 128, memoryMb: 1_031_000 + (i % 977), gpus: 8, gpuModel: 'NVIDIA H100 80GB HBM3', gpuMemoryMb: 81_559 },
      labels: { zone: `zone-${i % 3}`, rack: `rack-${i % 200}` },
      ...{ version: '0.1.0', protocol: OWN_PROTOCOL },
    },
    ...{ announcedAtMs: 1_795_614_000_000 + i, silent: i % 50 === 0, leaving: false, drained: i % 90 === 0 },
    lease: {
      ...{ runId: id('b', i), handle: `run-train-model-${i}`, epoch: i, request: id('c', i), state: i % 5 === 0 ? 'releasing' : 'held' },
      stop: { signal: 'SIGTERM', seconds: 30 },
    },
  };
}

const fleetOf = (count: number): FleetState => ({
  ...newFleet('default'),
  rebuilt: true,
  epoch: count,
  hosts: Array.from({ length: count }, (_, i) => machine(i)),
});

describe('what a fleet keeps from one execution to the next', () => {
  it('is all that it knew, to the last address', () => {
    const state = fleetOf(300);
    state.hosts.push({ ...machine(300), lease: null });
    state.queue.push({
      run: { handle: 'elastic', runId: id('d', 1), name: 'elastic', fleet: 'default' },
      ...{ request: id('e', 1), parts: [{ group: 0, nodes: 8, where: {}, resources: null }], hosts: null, except: ['gpu-node-7.cluster-a'], extra: true },
      ...{ first: false, unmet: 'wait', stop: { signal: 'SIGTERM', seconds: 30 } },
      ...{ askedAtMs: 1_795_614_000_000, queueTimeoutSeconds: 600, deadlineMs: Number.MAX_SAFE_INTEGER },
    });
    expect(unpackFleet(JSON.parse(JSON.stringify(packFleet(state))))).toEqual(state);
  });

  it('is a lease of its own for each host, also where one run has them all', () => {
    const state = fleetOf(2);
    for (const host of state.hosts) host.lease = machine(1).lease;
    const [a, b] = unpackFleet(packFleet(state)).hosts;
    if (a?.lease) a.lease.state = 'releasing';
    expect(b?.lease?.state).toBe('held');
  });

  it('has all addresses for 2,000 hosts in less than 1.5 MiB', () => {
    const state = fleetOf(2_000);
    expect(bytesOf(state)).toBeLessThan(1.5 * MIB);
    expect(unpackFleet(packFleet(state)).hosts[1_999]?.facts.candidates).toHaveLength(MOST_ANNOUNCED);
  });

  it('has fewer addresses, and all else, for 5,000 hosts in less than 1.5 MiB', () => {
    const state = fleetOf(5_000);
    expect(bytesOf(state)).toBeLessThan(1.5 * MIB);
    const { hosts } = unpackFleet(packFleet(state));
    const [first, last] = [hosts[0], hosts[4_999]];
    expect(first?.facts.candidates.length).toBeGreaterThanOrEqual(1);
    expect(last).toEqual({ ...machine(4_999), facts: { ...machine(4_999).facts, candidates: last?.facts.candidates } });
    expect(last?.facts.candidates).toEqual(machine(4_999).facts.candidates.slice(0, last?.facts.candidates.length));
  });
});

describe('the hosts of a fleet', () => {
  it('are listed in the order of their ids, with at most 1.5 MiB at a time', () => {
    const { hosts } = fleetOf(1_200);
    const listed: string[] = [];
    for (let page = listHosts(hosts); page.length > 0; page = listHosts(hosts, { after: listed.at(-1) ?? '' })) {
      expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(1.5 * MIB);
      listed.push(...page.map(({ host }) => host));
    }
    expect(listed).toEqual(hosts.map(({ facts }) => facts.host));
  });

  it('are one where one is asked for', () => {
    const { hosts } = fleetOf(20);
    expect(listHosts(hosts, { only: machine(7).facts.host })).toMatchObject([{ host: machine(7).facts.host, lease: { epoch: 7 } }]);
    expect(listHosts(hosts, { only: 'nobody' })).toEqual([]);
  });
});
