import { expect, test } from 'vitest';
import {
  type AddressWish,
  type Candidate,
  chooseAddress,
  defaultRouteInterface,
  listCandidates,
  parseDefaultRoute,
} from '../../../activities/network/addresses.js';
import { AddressNotFound } from '../../../activities/network/errors.js';

const on = (name: string, cidr: string): Candidate => {
  const [address = '', length] = cidr.split('/');
  return { interface: name, address, prefixLength: Number(length), family: address.includes(':') ? 6 : 4, internal: name === 'lo' };
};

const lo = on('lo', '127.0.0.1/8');
const lo6 = on('lo', '::1/128');
const rack = [
  lo,
  lo6,
  on('eth0', '192.168.1.7/24'),
  on('eth0', 'fe80::1/64'),
  on('eth1', '10.0.3.7/16'),
  on('eth1', 'fd00::7/64'),
  on('docker0', '172.17.0.1/16'),
];

test.each<[string, AddressWish, Candidate[], string | undefined, string, string]>([
  ['the given address wins over everything', { address: '10.0.3.7', network: '192.168.1.0/24' }, rack, 'eth0', '10.0.3.7', 'eth1'],
  ['a given loopback address needs not be listed', { address: '127.0.0.3' }, rack, 'eth0', '127.0.0.3', 'lo'],
  ['a given IPv6 address may be spelled in another way', { address: 'FD00:0::0:7' }, rack, 'eth0', 'fd00::7', 'eth1'],
  ['a given IPv4 address may be mapped', { address: '::ffff:10.0.3.7' }, rack, 'eth0', '10.0.3.7', 'eth1'],
  ['a network is looked for on all interfaces', { network: '10.0.0.0/8' }, rack, 'eth0', '10.0.3.7', 'eth1'],
  ['a network may have host bits', { network: '10.0.9.9/16' }, rack, 'eth0', '10.0.3.7', 'eth1'],
  ['a network of IPv6', { network: 'fd00::/64' }, rack, 'eth0', 'fd00::7', 'eth1'],
  ['a network that is loopback was asked for', { network: '127.0.0.0/8' }, rack, 'eth0', '127.0.0.1', 'lo'],
  ['a network of everything prefers the default route', { network: '0.0.0.0/0' }, rack, 'eth1', '10.0.3.7', 'eth1'],
  [
    'a network of everything takes no bridge and no loopback',
    { network: '0.0.0.0/0' },
    [lo, on('docker0', '172.17.0.1/16'), on('eth1', '10.0.3.7/16')],
    undefined,
    '10.0.3.7',
    'eth1',
  ],
  ['an interface gives its IPv4 address', { interface: 'eth1' }, rack, 'eth0', '10.0.3.7', 'eth1'],
  ['an interface with IPv6 only', { interface: 'eth2' }, [...rack, on('eth2', 'fe80::2/64'), on('eth2', 'fd01::2/64')], 'eth0', 'fd01::2', 'eth2'],
  ['a bridge may be asked for', { interface: 'docker0' }, rack, 'eth0', '172.17.0.1', 'docker0'],
  ['network and interface narrow each other', { network: 'fd00::/8', interface: 'eth1' }, rack, 'eth0', 'fd00::7', 'eth1'],
  ['without a wish the default route decides', {}, rack, 'eth1', '10.0.3.7', 'eth1'],
  ['the first address of the default route is its source address', {}, [lo, on('eth0', '10.0.0.5/24'), on('eth0', '10.0.0.6/24')], 'eth0', '10.0.0.5', 'eth0'],
  ['the default route may be a tunnel', {}, [lo, on('eth0', '10.0.0.5/24'), on('wg0', '10.9.0.5/24')], 'wg0', '10.9.0.5', 'wg0'],
  ['without a default route the only address is taken', {}, [lo, on('eth0', '10.0.0.5/24'), on('eth0', 'fd00::5/64')], undefined, '10.0.0.5', 'eth0'],
  ['a bridge does not make the only address two', {}, [lo, on('eth0', '10.0.0.5/24'), on('docker0', '172.17.0.1/16')], undefined, '10.0.0.5', 'eth0'],
  ['a default route without an address does not help nor harm', {}, [lo, on('eth0', '10.0.0.5/24')], 'eth9', '10.0.0.5', 'eth0'],
])('%s', (_name, wish, candidates, route, address, name) => {
  const choice = chooseAddress(wish, candidates, route);
  expect([choice.address, choice.interface]).toEqual([address, name]);
  expect(choice.reason).toMatch(/^it (is|was) /);
});

test.each<[string, AddressWish, Candidate[], RegExp]>([
  [
    'an address of another machine',
    { address: '10.0.3.8' },
    rack,
    /^--address 10\.0\.3\.8 is not an address of this machine, which has 127\.0\.0\.1\/8 \(lo\), .*10\.0\.3\.7\/16 \(eth1\)/,
  ],
  ['all addresses at once', { address: '0.0.0.0' }, rack, /not an address of this machine/],
  ['a name', { address: 'gpu-07' }, rack, /^--address gpu-07 is not an IP address/],
  ['an address in a spelling that few read alike', { address: '127.1' }, rack, /is not an IP address/],
  ['a network that no interface is in', { network: '10.9.0.0/16' }, rack, /^No address of this machine is in network 10\.9\.0\.0\/16; it has /],
  ['a network that is none', { network: '10.0.0.0' }, rack, /^--network 10\.0\.0\.0 is not a network such as/],
  ['a network with too long a prefix', { network: '10.0.0.0/33' }, rack, /is not a network/],
  ['an interface that is missing', { interface: 'ib0' }, rack, /^No address of this machine is on interface ib0; it has /],
  ['an interface with a link-local address only', { interface: 'eth5' }, [lo, on('eth5', 'fe80::9/64')], /on interface eth5/],
  ['a network on the wrong interface', { network: '10.0.0.0/16', interface: 'eth0' }, rack, /is in network 10\.0\.0\.0\/16 on interface eth0/],
  [
    'loopback alone is not chosen',
    {},
    [lo, lo6],
    /^This machine has no address that other machines could reach: 127\.0\.0\.1\/8 \(lo\), ::1\/128 \(lo\)\. Pass --address/,
  ],
  [
    'several addresses without a default route',
    {},
    [lo, on('eth0', '10.0.0.5/24'), on('eth1', '10.1.0.5/24')],
    /several addresses and no default route.*Pass --address/,
  ],
  ['nothing at all', {}, [], /none at all/],
])('refused in a sentence: %s', (_name, wish, candidates, message) => {
  const choose = () => chooseAddress(wish, candidates, undefined);
  expect(choose).toThrow(AddressNotFound);
  expect(choose).toThrow(message);
});

const HEADER = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const ROUTE6 = (name: string, flags: string, metric = '00000400') =>
  `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} ${metric} 00000002 00000000 ${flags}     ${name}\n`;

test.each<[string, string, string, string | undefined]>([
  [
    'the IPv4 default route',
    `${HEADER}eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\neth1\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`,
    ROUTE6('eth2', '00000003'),
    'eth1',
  ],
  [
    'the lowest metric',
    `${HEADER}wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\neth1\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n`,
    '',
    'eth1',
  ],
  ["a VPN's half of everything is no default route", `${HEADER}tun0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n`, '', undefined],
  ['a route that is down', `${HEADER}eth0\t00000000\t0101A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n`, '', undefined],
  ['the IPv6 default route where there is no other', HEADER, ROUTE6('lo', '00200200', 'ffffffff') + ROUTE6('eth2', '00000003'), 'eth2'],
  ['the IPv6 refusal of everything is no route', HEADER, ROUTE6('lo', '00200200', 'ffffffff'), undefined],
  ['no files', '', '', undefined],
])('default route: %s', (_name, route, route6, expected) => {
  expect(parseDefaultRoute(route, route6)).toBe(expected);
});

test('this machine lists its loopback address and can read its routes', () => {
  expect(listCandidates()).toContainEqual({ interface: 'lo', address: '127.0.0.1', prefixLength: 8, family: 4, internal: true });
  expect(['undefined', 'string']).toContain(typeof defaultRouteInterface());
});
