import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Candidate as OwnAddress } from '../../../activities/network/addresses.js';
import { describeCandidates, readCandidates } from '../../../activities/network/candidates.js';
import { interfaceKind } from '../../../activities/network/interface-kind.js';
import { systemFiles } from '../../../activities/network/system-files.js';
import { MOST_CANDIDATES } from '../../../spec/candidates.js';
import { LINKS, recorded } from './recorded-links.js';

const VLANS = { '/proc/net/vlan/config': '', '/proc/net/vlan/vlan9': '' };
const ROUTE = 'Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\neth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0\n';

const own = (name: string, cidr: string): OwnAddress => {
  const [address = '', length] = cidr.split('/');
  return { interface: name, address, prefixLength: Number(length), family: address.includes(':') ? 6 : 4, internal: name === 'lo' };
};

test.each([
  ['lo', 'loopback'],
  ['eth0', 'physical'],
  ['ib0', 'physical'],
  ['ifb0', 'other'],
  ['dummy0', 'other'],
  ['docker0', 'container-bridge'],
  ['br-c0ffe', 'container-bridge'],
  ['virbr0', 'container-bridge'],
  ['br0', 'bridge'],
  ['br-ex', 'bridge'],
  ['br-over', 'tunnel'],
  ['veth1a', 'veth'],
  ['macvlan0', 'other'],
  ['vrf-blue', 'other'],
  ['bond0', 'bond'],
  ['team0', 'bond'],
  ['bond0.7', 'vlan'],
  ['vlan9', 'vlan'],
  ['wlan0', 'wireless'],
  ['wwan0', 'wireless'],
  ['tun0', 'tunnel'],
  ['tap0', 'tunnel'],
  ['vxlan5', 'tunnel'],
  ['wg0', 'tunnel'],
  ['gre1', 'tunnel'],
  ['ppp0', 'tunnel'],
  ['eth9', 'other'],
])('%s is of kind %s', (name, kind) => {
  expect(interfaceKind(name, recorded(LINKS, VLANS))).toBe(kind);
});

test('a candidate tells its link, its speed, the default route and whether it is up', () => {
  const files = recorded(LINKS, { '/proc/net/route': ROUTE });
  const rack = [own('lo', '127.0.0.1/8'), own('docker0', '172.17.0.1/16'), own('ib0', '10.9.0.5/24'), own('eth0', '10.0.0.5/24')];
  const common = { family: 4, prefixLength: 24 };
  expect(describeCandidates(rack, files)).toEqual([
    { ...common, interface: 'eth0', address: '10.0.0.5', kind: 'physical', speedMbit: null, defaultRoute: true, up: true },
    { ...common, interface: 'ib0', address: '10.9.0.5', kind: 'physical', speedMbit: 200_000, defaultRoute: false, up: true },
    { ...common, interface: 'lo', address: '127.0.0.1', prefixLength: 8, kind: 'loopback', speedMbit: null, defaultRoute: false, up: true },
    { ...common, interface: 'docker0', address: '172.17.0.1', prefixLength: 16, kind: 'container-bridge', speedMbit: null, defaultRoute: false, up: false },
  ]);
});

const kinds = (...addresses: [string, string][]) =>
  describeCandidates(
    addresses.map(([name, cidr]) => own(name, cidr)),
    recorded(LINKS, { ...VLANS, '/proc/net/route': ROUTE }),
  );

test('the kind follows the address before the interface', () => {
  const described = kinds(['eth0', 'fe80::1/64'], ['eth0', '169.254.3.4/16'], ['lo', '10.255.0.9/32'], ['lo', '::1/128'], ['lo', '127.0.0.2/8']);
  expect(Object.fromEntries(described.map(({ address, kind }) => [address, kind]))).toEqual({
    'fe80::1': 'link-local',
    '169.254.3.4': 'link-local',
    '10.255.0.9': 'other',
    '::1': 'loopback',
    '127.0.0.2': 'loopback',
  });
});

test('the likeliest comes first', () => {
  const names = kinds(
    ...([
      ['docker0', '172.17.0.1/16'],
      ['tun0', '10.8.0.2/24'],
      ['wlan0', '10.3.0.2/24'],
      ['br0', '10.2.0.2/24'],
      ['bond0', '10.1.0.2/24'],
    ] as [string, string][]),
    ...([
      ['eth0', 'fd00::5/64'],
      ['eth0', '10.0.0.5/24'],
      ['lo', '127.0.0.1/8'],
    ] as [string, string][]),
  ).map((candidate) => candidate.interface);
  expect(names).toEqual(['eth0', 'eth0', 'bond0', 'br0', 'wlan0', 'tun0', 'lo', 'docker0']);
});

test("a container's way out comes before its other links", () => {
  const links = `
    eth0 type=1 flags=0x1003 operstate=up ifindex=2 iflink=9 speed=10000
    wg0  type=65534 flags=0x91 operstate=unknown ifindex=3 iflink=3 DEVTYPE=wireguard
    eth1 type=1 flags=0x1003 operstate=up ifindex=4 iflink=8 speed=10000`;
  const described = describeCandidates(
    [own('eth1', '172.19.0.2/16'), own('wg0', '10.8.0.2/24'), own('eth0', '172.18.0.2/16')],
    recorded(links, { '/proc/net/route': ROUTE }),
  );
  expect(described.map((candidate) => `${candidate.interface} ${candidate.kind}`)).toEqual(['eth0 veth', 'wg0 tunnel', 'eth1 veth']);
});

test('a label of an address is not taken for a link of its own', () => {
  expect(kinds(['eth0:1', '10.0.0.6/24'])).toMatchObject([{ interface: 'eth0:1', kind: 'physical', defaultRoute: true, up: true }]);
});

test('a link whose speed is unknown has none, whichever number the driver uses for that', () => {
  expect(kinds(['eno6', '10.0.0.6/24'])).toMatchObject([{ speedMbit: null, up: false }]);
});

test('temporary and deprecated addresses come last on a link, and one that the kernel found twice is not up', () => {
  const line = (address: string, flags: string) => `${address.replaceAll(':', '')} 04 40 00 ${flags}     eth0\n`;
  const [temporary, doubled, stable] = [
    'fd00:0000:0000:0000:aaaa:0000:0000:0001',
    'fd00:0000:0000:0000:0000:0000:0000:0002',
    'fd00:0000:0000:0000:0000:0000:0000:0003',
  ];
  const text = `${line(temporary, '01') + line(doubled, '88') + line(stable, '80')}garbage\n`;
  const files = recorded(LINKS, { '/proc/net/if_inet6': text });
  const described = describeCandidates([own('eth0', 'fd00::aaaa:0:0:1/64'), own('eth0', 'fd00::2/64'), own('eth0', 'fd00::3/64')], files);
  expect(described.map(({ address, up }) => `${address} ${up}`)).toEqual(['fd00::3 true', 'fd00::aaaa:0:0:1 true', 'fd00::2 false']);
});

test('a host with a hundred addresses on one link still shows its other links', () => {
  const many = Array.from({ length: 100 }, (_, i): [string, string] => ['eth0', `10.0.0.${i}/24`]);
  const described = kinds(...many, ['tun0', '10.8.0.2/24'], ['docker0', '172.17.0.1/16']);
  expect(described).toHaveLength(MOST_CANDIDATES);
  expect(described.slice(0, 5).map(({ address }) => address)).toEqual(['10.0.0.0', '10.0.0.1', '10.0.0.2', '10.0.0.3', '10.8.0.2']);
});

test('without /sys an address is still a candidate', () => {
  expect(describeCandidates([own('eth0', '10.0.0.5/24')], recorded(''))).toMatchObject([{ kind: 'other', speedMbit: null, defaultRoute: false, up: true }]);
});

test('this machine has its loopback address', () => {
  expect(readCandidates()).toContainEqual(expect.objectContaining({ address: '127.0.0.1', kind: 'loopback', interface: 'lo' }));
});

test('files are read under a root, and what is missing is empty', () => {
  const root = mkdtempSync(join(tmpdir(), 'muster-sys-'));
  try {
    mkdirSync(join(root, 'sys/class/net/eth0'), { recursive: true });
    writeFileSync(join(root, 'sys/class/net/eth0/type'), '1\n');
    const files = systemFiles(root);
    expect([files.read('/sys/class/net/eth0/type'), files.list('/sys/class/net'), files.read('/proc/x'), files.list('/proc/x')]).toEqual([
      ...['1\n', ['eth0'], '', []],
    ]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
