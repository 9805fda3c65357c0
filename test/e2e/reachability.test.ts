import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunStatus } from '../../spec/nodes.js';
import { readLines } from '../helpers/machines.js';
import { leftHere, missingForNamespaces } from '../helpers/namespaces.js';
import { NetworkedMachines } from '../helpers/networked-machines.js';
import { statusOf } from '../helpers/runs.js';
import { onLan, type Station } from '../helpers/stations.js';
import { until } from '../helpers/until.js';

const missing = missingForNamespaces();
if (missing !== undefined) console.warn(`\nNOT TESTED: which address a run takes on real networks, since ${missing}.\n`);

/** Five machines with a docker0 each, on a network by which the default route leaves, and on a second, faster one. */
const base = [1, 2, 3, 4, 5].map((number) => onBoth(number));
const BASE = base.map(({ name }) => name);

describe.skipIf(missing !== undefined)('on real networks', () => {
  let machines: NetworkedMachines;
  beforeAll(async () => {
    machines = await NetworkedMachines.start();
    await machines.addHosts(base);
  }, 60_000);
  afterEach(() => machines.faults.healAll());
  afterAll(async () => {
    await machines?.stop();
    expect(leftHere()).toEqual([]);
  });

  let runs = 0;
  /** Runs on these hosts; how it ended, the lists that the nodes were given, and how long it took. */
  async function attempt(hosts: string[], more: Record<string, unknown> = {}): Promise<{ final: RunStatus; lists: string[]; tookMs: number }> {
    const out = join(machines.dir, `lists-${++runs}`);
    const since = performance.now();
    const run = await machines.start({ hosts, ...more, commands: [`echo $DSTACK_NODES_IPS $MUSTER_NODE_INTERFACE > ${out}-$DSTACK_NODE_RANK`] });
    const final = await until(
      () => statusOf(machines.client, run),
      ({ endedAtMs }) => endedAtMs !== null,
      60_000,
    );
    const tookMs = performance.now() - since;
    if (final.phase !== 'succeeded') for (const rank of hosts.keys()) expect(existsSync(`${out}-${rank}`), 'a process started').toBe(false);
    return { final, lists: hosts.map((_, rank) => readLines(`${out}-${rank}`)[0] ?? ''), tookMs };
  }

  /** The same on hosts of its own, which are taken away again. */
  async function attemptOn(stations: Station[], more: Record<string, unknown> = {}) {
    await machines.addHosts(stations);
    const names = stations.map(({ name }) => name);
    const seen = await attempt(names, more);
    await machines.removeHosts(names);
    return seen;
  }

  const same = (line: string, nodes: number) => Array.from({ length: nodes }, () => line);
  const lan = (numbers: number[], nic = 'eth0') => `${numbers.map((n) => `10.77.0.${n}`).join(' ')} ${nic}`;
  const fast = (numbers: number[]) => `${numbers.map((n) => `10.88.0.${n}`).join(' ')} ib0`;

  it('takes the network of the default route when hosts share two and all have the same docker0', async () => {
    const { final, lists } = await attempt(BASE);
    expect(lists).toEqual(same(lan([1, 2, 3, 4, 5]), 5));
    expect(final.nodes[0]?.addressReason).toBe(
      '10.77.0.1 on eth0: on 10.77.0.0/24, which all 5 hosts share; preferred to 10.88.0.0/24: the default route leaves by it',
    );
  });

  it('takes the network that the task names, host bits or not', async () => {
    const { lists } = await attempt(BASE.slice(0, 3), { network: '10.88.0.77/24' });
    expect(lists).toEqual(same(fast([1, 2, 3]), 3));
  });

  it('takes the interface that the task names', async () => {
    const { lists } = await attempt(BASE.slice(0, 3), { interface: 'ib0' });
    expect(lists).toEqual(same(fast([1, 2, 3]), 3));
  });

  it('names the hosts that have no such interface, and what they have', async () => {
    const { final, tookMs } = await attempt(BASE.slice(0, 2), { interface: 'ib7' });
    expect(final.reason).toBe('AddressNotFound');
    expect(final.message).toContain('both-1');
    expect(final.message).toContain('ib7');
    expect(tookMs).toBeLessThan(15_000);
  });

  it('fails soon and names the direction when one host cannot connect to another', async () => {
    await machines.faults.block('both-2', 'both-4', { only: 'connecting' });
    const { final, tookMs } = await attempt(BASE, { interface: 'eth0' });
    expect(final.reason).toBe('PeersUnreachable');
    expect(final.message).toBe(
      'Nodes cannot reach each other, so that nothing was started: both-2 (10.77.0.2) → both-4 (10.77.0.4) timed out; both-4 → both-2 ok',
    );
    expect(tookMs).toBeLessThan(15_000);
  });

  it('takes the next network when the best one does not lead from every host to every other', async () => {
    await machines.faults.block('both-2', 'both-4', { fabric: 'lan', only: 'connecting' });
    const { final, lists } = await attempt(BASE);
    expect([final.phase, final.generation, final.restarts]).toEqual(['succeeded', 2, 0]);
    expect(lists).toEqual(same(fast([1, 2, 3, 4, 5]), 5));
    expect(final.nodes[1]?.addressReason).toContain('not all reach each other on 10.77.0.0/24');
  });

  it('says so when a firewall refuses', async () => {
    await machines.faults.refuse('both-3', 'both-2', { only: 'connecting' });
    const { final, tookMs } = await attempt(BASE.slice(0, 3), { interface: 'eth0' });
    expect([final.reason, final.message]).toEqual([
      'PeersUnreachable',
      expect.stringContaining('both-3 (10.77.0.3) → both-2 (10.77.0.2) refused; both-2 → both-3 ok'),
    ]);
    expect(tookMs).toBeLessThan(25_000);
  });

  it('says so when a host cannot connect to rank 0', async () => {
    await machines.faults.block('both-3', 'both-1', { only: 'connecting' });
    const { final, tookMs } = await attempt(BASE.slice(0, 3), { interface: 'eth0' });
    expect([final.reason, final.message]).toEqual([
      'PeersUnreachable',
      expect.stringContaining('both-3 (10.77.0.3) → both-1 (10.77.0.1) never connected; both-1 → both-3 ok'),
    ]);
    expect(tookMs).toBeLessThan(15_000);
  });

  it('says so when nothing passes between rank 0 and another host', async () => {
    await machines.faults.cutFrom('both-2', 'both-1');
    const { final, tookMs } = await attempt(BASE.slice(0, 3), { interface: 'eth0' });
    expect([final.reason, final.message]).toEqual(['PeersUnreachable', expect.stringContaining('both-1 (10.77.0.1) → both-2 (10.77.0.2) timed out')]);
    expect(tookMs).toBeLessThan(15_000);
  });

  it('lets a ring notice nothing of a way that it does not use, where the task asks for no more', async () => {
    await machines.faults.block('both-2', 'both-4', { only: 'connecting' });
    const { final } = await attempt(BASE, { interface: 'eth0', preflight: 'master' });
    expect(final.phase).toBe('succeeded');
  });

  it('takes the one network that all share when one host is not on the better one', async () => {
    const { lists } = await attemptOn([withFast(onLan('some-11', 11)), withFast(onLan('some-12', 12)), onLan('some-13', 13)]);
    expect(lists).toEqual(same(lan([11, 12, 13]), 3));
  });

  it('takes routed addresses when a host is behind a router', async () => {
    const router: Station = {
      name: 'router',
      forwards: true,
      links: [
        { fabric: 'lan', interface: 'eth0', addresses: ['10.77.0.250/24'] },
        { fabric: 'far', interface: 'eth1', addresses: ['10.99.0.254/24'] },
      ],
    };
    await machines.network.add([router]);
    const far: Station = { name: 'far-23', links: [{ fabric: 'far', interface: 'eth0', addresses: ['10.99.0.23/24'] }], defaultVia: ['10.99.0.254'] };
    const near = [21, 22].map((n) => onLan(`near-${n}`, n, { defaultVia: ['10.77.0.250'] }));
    // Temporal's way back.
    await machines.network.namespaces.ip('control', ['route add 10.99.0.0/24 via 10.77.0.250']);
    const { lists } = await attemptOn([...near, far]);
    expect(lists).toEqual(same('10.77.0.21 10.77.0.22 10.99.0.23 eth0', 3));
  });

  it('works over IPv6 alone', async () => {
    const { lists } = await attemptOn([31, 32, 33].map(onlyIpv6));
    expect(lists).toEqual(same('fd77::1f fd77::20 fd77::21 eth0', 3));
  });

  it('refuses hosts of different families with a sentence', async () => {
    const four: Station = { name: 'four-42', links: [{ fabric: 'lan', interface: 'eth0', addresses: ['10.77.0.42/24'] }] };
    const { final } = await attemptOn([onlyIpv6(41), four]);
    expect(final.reason).toBe('AddressNotFound');
    expect(final.message).toMatch(/six-41.*four-42|four-42.*six-41/);
  });

  it('names both when two hosts are clones with one address', async () => {
    const clones = [51, 52].map(
      (n): Station => ({
        name: `clone-${n}`,
        links: [
          { fabric: 'lan', interface: 'eth0', addresses: [`10.77.0.${n}/24`] },
          { fabric: 'fast', interface: 'ib0', addresses: ['10.88.0.51/24'] },
        ],
      }),
    );
    const { final } = await attemptOn(clones, { interface: 'ib0' });
    expect([final.reason, final.message]).toEqual(['DuplicateAddress', expect.stringMatching(/clone-51.*clone-52.*10\.88\.0\.51/)]);
  });

  it('takes a network by which they reach each other when another one only looks shared', async () => {
    // Two sites with the same numbers: no packet passes between them.
    const site = (n: number, fabric: string): Station => ({
      ...{ name: `site-${n}`, defaultVia: ['10.55.0.1'] },
      links: [
        { fabric: 'lan', interface: 'eth0', addresses: [`10.77.0.${n}/24`] },
        { fabric, interface: 'eth1', addresses: [`10.55.0.${n}/24`] },
      ],
    });
    const { final, lists } = await attemptOn([site(61, 'north'), site(62, 'north'), site(63, 'south')]);
    expect([final.phase, lists]).toEqual(['succeeded', same(lan([61, 62, 63]), 3)]);
  });

  it('takes an overlay when nothing else is shared', async () => {
    const apart = [71, 72].map(
      (n): Station => ({
        name: `apart-${n}`,
        links: [{ fabric: 'lan', interface: 'eth0', addresses: [`10.77.0.${n}/24`] }],
        overlay: { interface: 'tun7', address: `10.200.0.${n}/24`, over: 'eth0' },
      }),
    );
    const { lists } = await attemptOn(apart, { interface: 'tun7' });
    expect(lists).toEqual(same('10.200.0.71 10.200.0.72 tun7', 2));
  });

  it('takes no longer than its deadline over a slow link', async () => {
    await machines.faults.delay('both-2', 150);
    const { final, tookMs } = await attempt(BASE.slice(0, 3));
    expect(final.phase).toBe('succeeded');
    expect(tookMs).toBeLessThan(15_000);
  });
});

function onBoth(number: number): Station {
  const links = [{ fabric: 'lan', interface: 'eth0', addresses: [`10.77.0.${number}/24`] }];
  return withFast({ name: `both-${number}`, links, defaultVia: ['10.77.0.254'], docker: 'idle' });
}

function withFast(station: Station): Station {
  const number = station.links[0]?.addresses[0]?.match(/\.(\d+)\//)?.[1];
  return { ...station, links: [...station.links, { fabric: 'fast', interface: 'ib0', addresses: [`10.88.0.${number}/24`] }] };
}

function onlyIpv6(number: number): Station {
  return { name: `six-${number}`, links: [{ fabric: 'lan', interface: 'eth0', addresses: [`fd77::${number.toString(16)}/64`] }] };
}
