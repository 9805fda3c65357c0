import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { HostAddresses } from '../../../workflows/decisions/address/options.js';
import { type AddressFacts, decideAddresses } from '../../../workflows/decisions/address.js';
import { candidate, host, hosts } from './hosts-with-addresses.js';

const LO = 'lo 127.0.0.1/8';
const DOCKER = 'docker0 172.17.0.1/16';

const decide = (all: HostAddresses[], change: Partial<AddressFacts> = {}) =>
  decideAddresses({ hosts: all, wish: { network: null, interface: null }, avoid: [], ...change });

function chosen(all: HostAddresses[], change: Partial<AddressFacts> = {}): string[] {
  const decision = decide(all, change);
  return decision.kind === 'chosen'
    ? decision.hosts.map((each) => `${each.interface} ${each.address}`)
    : [`${decision.failure.type}: ${decision.failure.message}`];
}

const within = (network: string | null, name: string | null = null) => ({ wish: { network, interface: name } });

test.each<[string, HostAddresses[], Partial<AddressFacts>, string[]]>([
  ['the network that all share, not docker0', hosts(3, [LO, DOCKER, 'eth0 10.0.0.#/24']), {}, ['eth0 10.0.0.1', 'eth0 10.0.0.2', 'eth0 10.0.0.3']],
  [
    'the shared network although the default route leaves by another link',
    [host('a', ['eth0 10.0.2.15/24 default', 'eth1 192.168.56.11/24']), host('b', ['eth0 10.0.2.15/24 default', 'eth1 192.168.56.12/24'])],
    {},
    ['eth1 192.168.56.11', 'eth1 192.168.56.12'],
  ],
  ['the fabric of 100G before that of 1G', hosts(2, ['eno1 10.0.0.#/24 default 1G', 'ens1 10.9.0.#/24 100G']), {}, ['ens1 10.9.0.1', 'ens1 10.9.0.2']],
  [
    'the fabric that is fast on every host',
    [host('a', ['e0 10.0.0.1/24 10G', 'e1 10.9.0.1/24 100G']), host('b', ['e0 10.0.0.2/24 10G', 'e1 10.9.0.2/24 100M'])],
    {},
    ['e0 10.0.0.1', 'e0 10.0.0.2'],
  ],
  ['of two alike the one with the default route', hosts(2, ['e0 10.0.0.#/24', 'e1 10.9.0.#/24 default']), {}, ['e1 10.9.0.1', 'e1 10.9.0.2']],
  ['the private network before the public one', hosts(2, ['e0 20.0.0.#/24 default', 'e1 10.9.0.#/24']), {}, ['e1 10.9.0.1', 'e1 10.9.0.2']],
  ['the public network where there is no private one', hosts(2, [DOCKER, 'e0 20.0.0.#/24 default']), {}, ['e0 20.0.0.1', 'e0 20.0.0.2']],
  ['IPv4 before IPv6', hosts(2, ['e0 fd00::#/64', 'e0 10.0.0.#/24']), {}, ['e0 10.0.0.1', 'e0 10.0.0.2']],
  ['IPv6 where there is nothing else', hosts(2, [LO, 'e0 fd00::#/64', 'e0 fe80::#/64']), {}, ['e0 fd00::1', 'e0 fd00::2']],
  ['the private of two IPv6 networks', hosts(2, ['e0 2a01:db8::#/64', 'e0 fd00::#/64']), {}, ['e0 fd00::1', 'e0 fd00::2']],
  ['IPv6 where not all have IPv4', [host('a', ['e0 10.0.0.1/24', 'e0 fd00::1/64']), host('b', ['e0 fd00::2/64'])], {}, ['e0 fd00::1', 'e0 fd00::2']],
  ['the wire before the radio', hosts(2, ['wlan0 192.168.1.#/24 default 1200M', 'eth0 10.0.0.#/24 1G']), {}, ['eth0 10.0.0.1', 'eth0 10.0.0.2']],
  [
    'the radio where one host has no wire',
    [host('a', ['wlan0 10.0.0.1/24', 'eth0 10.5.0.1/24']), host('b', ['wlan0 10.0.0.2/24'])],
    {},
    ['wlan0 10.0.0.1', 'wlan0 10.0.0.2'],
  ],
  [
    'a wire on one host and radio on the other in one network',
    [host('a', ['eth0 10.0.0.1/24']), host('b', ['wlan0 10.0.0.2/24'])],
    {},
    ['eth0 10.0.0.1', 'wlan0 10.0.0.2'],
  ],
  ['a wire and a radio of one host in one network: the wire', hosts(2, ['wlan0 10.0.0.10#/24', 'eth0 10.0.0.#/24']), {}, ['eth0 10.0.0.1', 'eth0 10.0.0.2']],
  ['a bond', hosts(2, ['bond0 10.0.0.#/24 20G', 'eno9 10.9.0.#/24 1G']), {}, ['bond0 10.0.0.1', 'bond0 10.0.0.2']],
  ['a vlan', hosts(2, ['bond0.7 10.7.0.#/24 20G', 'wg0 10.8.0.#/24']), {}, ['bond0.7 10.7.0.1', 'bond0.7 10.7.0.2']],
  ['a bridge that leads out before a tunnel', hosts(2, ['wg0 10.8.0.#/24', 'br0 10.0.0.#/24']), {}, ['br0 10.0.0.1', 'br0 10.0.0.2']],
  ['a real link before a bridge', hosts(2, ['br0 10.0.0.#/24', 'eth1 10.1.0.#/24']), {}, ['eth1 10.1.0.1', 'eth1 10.1.0.2']],
  ['a bridge with the default route like a real link', hosts(2, ['br0 10.0.0.#/24 default 10G', 'eth1 10.1.0.#/24 1G']), {}, ['br0 10.0.0.1', 'br0 10.0.0.2']],
  ['a shared network before an overlay', hosts(2, ['wg0 10.8.0.#/24', 'eth0 10.0.0.#/24 100M']), {}, ['eth0 10.0.0.1', 'eth0 10.0.0.2']],
  [
    'an overlay when nothing else is shared by all',
    [host('a', ['eth0 10.0.0.1/24 default', 'wg0 10.8.0.1/24']), host('b', ['eth0 10.1.0.1/24 default', 'wg0 10.8.0.2/24'])],
    {},
    ['wg0 10.8.0.1', 'wg0 10.8.0.2'],
  ],
  [
    'an overlay of lone addresses (100.64.0.0/10)',
    [host('a', ['eth0 10.0.0.1/24 default', 'tailscale0 100.101.2.3/32']), host('b', ['eth0 10.1.0.1/24 default', 'tailscale0 100.77.8.9/32'])],
    {},
    ['tailscale0 100.101.2.3', 'tailscale0 100.77.8.9'],
  ],
  [
    'an overlay of lone IPv6 addresses of one organisation',
    [host('a', ['eth0 10.0.0.5/24 default', 'wg0 fd7a:115c:a1e0::1/128']), host('b', ['eth0 10.1.0.5/24 default', 'wg0 fd7a:115c:a1e0:ab::2/128'])],
    {},
    ['wg0 fd7a:115c:a1e0::1', 'wg0 fd7a:115c:a1e0:ab::2'],
  ],
  [
    'one host on another subnet: the default routes',
    [...hosts(2, ['eth0 10.0.0.#/24 default', 'ib0 10.9.0.#/24 100G']), host('h-3', ['eth0 10.1.0.3/24 default'])],
    {},
    ['eth0 10.0.0.1', 'eth0 10.0.0.2', 'eth0 10.1.0.3'],
  ],
  [
    'lone addresses of a cloud (/32): the default routes',
    hosts(2, ['lo 127.0.0.1/8', 'ens4 10.128.0.#/32 default', DOCKER]),
    {},
    ['ens4 10.128.0.1', 'ens4 10.128.0.2'],
  ],
  [
    'on different subnets private addresses everywhere before a mixture',
    [host('a', ['eth0 20.0.0.1/24 default', 'eth1 10.0.0.1/24']), host('b', ['eth0 10.1.0.1/24 default'])],
    {},
    ['eth1 10.0.0.1', 'eth0 10.1.0.1'],
  ],
  [
    'on different subnets no container bridge, though it has the better name',
    [host('a', ['docker0 172.20.0.1/16', 'eth0 10.0.0.1/24']), host('b', ['docker0 172.21.0.1/16', 'eth0 10.1.0.1/24'])],
    {},
    ['eth0 10.0.0.1', 'eth0 10.1.0.1'],
  ],
  ['the end of a pair inside containers', hosts(3, [LO, 'eth0 172.18.0.#/16 veth default 10G']), {}, ['eth0 172.18.0.1', 'eth0 172.18.0.2', 'eth0 172.18.0.3']],
  [
    'the network of containers that they share, not that of their default routes',
    [host('a', ['eth0 172.18.0.2/16 veth default', 'eth1 172.30.0.2/16 veth']), host('b', ['eth0 172.19.0.2/16 veth default', 'eth1 172.30.0.3/16 veth'])],
    {},
    ['eth1 172.30.0.2', 'eth1 172.30.0.3'],
  ],
  [
    'container bridges of one network with different addresses as the last resort',
    hosts(2, [LO, 'docker0 172.17.0.#/16']),
    {},
    ['docker0 172.17.0.1', 'docker0 172.17.0.2'],
  ],
  ['IPv4 link-local as the last resort', hosts(2, [LO, 'eth0 169.254.7.#/16']), {}, ['eth0 169.254.7.1', 'eth0 169.254.7.2']],
  ['no link that is down', hosts(2, ['eth0 10.0.0.#/24 100G down', 'eth1 10.1.0.#/24 1G']), {}, ['eth1 10.1.0.1', 'eth1 10.1.0.2']],
  [
    'one network with different lengths of prefix',
    [host('a', ['eth0 10.0.0.1/24']), host('b', ['eth0 10.0.7.2/16']), host('c', ['eth0 10.0.0.3/32'])],
    {},
    ['eth0 10.0.0.1', 'eth0 10.0.7.2', 'eth0 10.0.0.3'],
  ],
  ['the first address of a link with several in a network', hosts(2, ['eth0 10.0.0.#/24', 'eth0 10.0.0.10#/24']), {}, ['eth0 10.0.0.1', 'eth0 10.0.0.2']],
  ['not the address that two hosts hold for a service', hosts(2, ['lo:1 10.0.0.100/32 other', 'eth0 10.0.0.#/24']), {}, ['eth0 10.0.0.1', 'eth0 10.0.0.2']],
  [
    'what was given, although a faster network is shared',
    [host('a', ['e0 10.0.0.1/24 1G', 'e1 10.9.0.1/24 100G'], { address: '10.0.0.1' }), host('b', ['e0 10.0.0.2/24 1G', 'e1 10.9.0.2/24 100G'])],
    {},
    ['e0 10.0.0.1', 'e0 10.0.0.2'],
  ],
  [
    'what was given, spelled in another way',
    [host('a', ['e0 fd00::1/64'], { address: 'FD00:0::1' }), host('b', ['e0 fd00::2/64'])],
    {},
    ['e0 fd00::1', 'e0 fd00::2'],
  ],
  [
    'what was given on different subnets',
    [host('a', ['e0 10.0.0.1/24'], { address: '10.0.0.1' }), host('b', ['e0 10.9.0.2/24 default'])],
    {},
    ['e0 10.0.0.1', 'e0 10.9.0.2'],
  ],
  [
    'what was given, against the task',
    [host('a', ['e0 10.0.0.1/24'], { address: '10.0.0.1' }), host('b', ['e0 10.0.0.2/24', 'e1 10.9.0.2/24'])],
    within('10.9.0.0/24'),
    ['e0 10.0.0.1', 'e1 10.9.0.2'],
  ],
  [
    'what was given on loopback, listed or not',
    [host('a', [LO], { address: '127.0.0.2' }), host('b', [LO, 'eth0 10.0.0.1/24'], { address: '127.0.0.1' })],
    {},
    ['lo 127.0.0.2', 'lo 127.0.0.1'],
  ],
  ['the network of the task', hosts(2, ['e0 10.0.0.#/24 100G default', 'e1 10.9.0.#/24 1G']), within('10.9.0.0/24'), ['e1 10.9.0.1', 'e1 10.9.0.2']],
  ['the network of the task with host bits', hosts(2, ['e0 10.0.0.#/24', 'e1 10.9.0.#/24']), within('10.9.0.77/24'), ['e1 10.9.0.1', 'e1 10.9.0.2']],
  [
    'the network of the task over several subnets',
    [host('a', ['e0 10.1.0.1/24', 'e1 192.168.0.1/24']), host('b', ['e0 10.2.0.1/24', 'e1 192.168.0.2/24'])],
    within('10.0.0.0/8'),
    ['e0 10.1.0.1', 'e0 10.2.0.1'],
  ],
  ['the interface of the task', hosts(2, ['e0 10.0.0.#/24 100G', 'e1 10.9.0.#/24 1G']), within(null, 'e1'), ['e1 10.9.0.1', 'e1 10.9.0.2']],
  [
    'network and interface of the task, which narrow each other',
    hosts(2, ['e1 10.9.0.#/24', 'e1 fd00::#/64', 'e0 fd00::1#/64']),
    within('fd00::/16', 'e1'),
    ['e1 fd00::1', 'e1 fd00::2'],
  ],
  ['a tunnel that was asked for', hosts(2, ['e0 10.0.0.#/24', 'wg0 10.8.0.#/24']), within(null, 'wg0'), ['wg0 10.8.0.1', 'wg0 10.8.0.2']],
  [
    'the network that the hosts were told',
    [host('a', ['e0 10.0.0.1/24', 'e1 10.9.0.1/24 1M'], { network: '10.9.0.0/24' }), host('b', ['e0 10.0.0.2/24', 'e1 10.9.0.2/24'])],
    {},
    ['e1 10.9.0.1', 'e1 10.9.0.2'],
  ],
  [
    "the task's network in place of the host's own",
    [host('a', ['e0 10.0.0.1/24', 'e1 10.9.0.1/24'], { interface: 'e1' }), host('b', ['e0 10.0.0.2/24'])],
    within('10.0.0.0/24'),
    ['e0 10.0.0.1', 'e0 10.0.0.2'],
  ],
  ['for a host alone that of the default route', [host('a', [LO, 'ib0 10.9.0.1/24 100G', 'eth0 10.0.0.1/24 default 1G'])], {}, ['eth0 10.0.0.1']],
  ['for a host alone that has nothing else, loopback', [host('a', [LO, 'lo ::1/128'])], {}, ['lo 127.0.0.1']],
  ['nothing for no hosts', [], {}, []],
  [
    'not the network in which two hosts have one address, though they have others there',
    hosts(2, ['e1 192.168.50.1/24 100G', 'e1 192.168.50.10#/24 100G', 'e0 10.0.0.#/24 1G']),
    {},
    ['e0 10.0.0.1', 'e0 10.0.0.2'],
  ],
  ['the narrower of two alike', hosts(2, ['e0 10.0.0.#/16', 'e1 10.9.0.#/24']), {}, ['e1 10.9.0.1', 'e1 10.9.0.2']],
  [
    'on different subnets not the address that two hosts have, be it on the default route',
    [host('a', ['e0 10.0.2.15/24 default', 'e1 10.1.0.1/24']), host('b', ['e0 10.0.2.15/24 default', 'e1 10.2.0.1/24'])],
    {},
    ['e1 10.1.0.1', 'e1 10.2.0.1'],
  ],
  [
    'on different subnets IPv6 of real links before IPv4 of tunnels',
    [host('a', ['tun0 10.8.0.1/32', 'e0 2a01:1::1/64']), host('b', ['tun0 10.9.0.1/32', 'e0 2a01:2::1/64'])],
    {},
    ['e0 2a01:1::1', 'e0 2a01:2::1'],
  ],
])('chooses %s', (_, all, change, expected) => {
  expect(chosen(all, change)).toEqual(expected);
  expect(chosen([...all].reverse(), change)).toEqual([...expected].reverse());
});

const pair = (from: string, fromAddress: string, to: string, toAddress: string) => ({
  host: to,
  address: toAddress,
  peer: { host: from, address: fromAddress },
});

test.each<[string, HostAddresses[], AddressFacts['avoid'], string[]]>([
  [
    'the next shared network when a pair does not reach each other on the best',
    hosts(3, ['e0 10.0.0.#/24 10G', 'e1 10.1.0.#/24 1G', 'wg0 10.8.0.#/24']),
    [pair('h-1', '10.0.0.1', 'h-3', '10.0.0.3'), pair('h-3', '10.0.0.3', 'h-1', '10.0.0.1')],
    ['e1 10.1.0.1', 'e1 10.1.0.2', 'e1 10.1.0.3'],
  ],
  [
    'the one after that when that does not do either',
    hosts(2, ['e0 10.0.0.#/24 10G', 'e1 10.1.0.#/24 1G', 'wg0 10.8.0.#/24']),
    [pair('h-1', '10.0.0.1', 'h-2', '10.0.0.2'), pair('h-2', '10.1.0.2', 'h-1', '10.1.0.1')],
    ['wg0 10.8.0.1', 'wg0 10.8.0.2'],
  ],
  [
    'another address of the host that was not reached, in the same network',
    hosts(2, ['e0 10.0.0.#/24', 'e1 10.0.0.10#/24']),
    [pair('h-1', '10.0.0.1', 'h-2', '10.0.0.2')],
    ['e0 10.0.0.1', 'e1 10.0.0.102'],
  ],
  [
    'another address of the other host where the one that was not reached has no other',
    [host('a', ['e0 10.0.0.1/24', 'e1 10.0.0.101/24']), host('b', ['e0 10.0.0.2/24'])],
    [pair('a', '10.0.0.1', 'b', '10.0.0.2')],
    ['e1 10.0.0.101', 'e0 10.0.0.2'],
  ],
  [
    'what nobody reached no more',
    hosts(2, ['e0 10.0.0.#/24', 'e1 10.1.0.#/24']),
    [{ host: 'h-1', address: '10.0.0.1', peer: null }],
    ['e1 10.1.0.1', 'e1 10.1.0.2'],
  ],
  [
    'another way out of different subnets',
    [host('a', ['e0 10.0.0.1/24 default']), host('b', ['e0 10.1.0.1/24 default', 'e1 10.2.0.1/24'])],
    [pair('a', '10.0.0.1', 'b', '10.1.0.1')],
    ['e0 10.0.0.1', 'e1 10.2.0.1'],
  ],
  [
    'public addresses where the private ones of two clouds look alike',
    [host('a', ['e0 10.0.0.4/24 default', 'e1 20.0.0.1/24']), host('b', ['e0 10.0.0.5/24 default', 'e1 30.0.0.1/24'])],
    [pair('a', '10.0.0.4', 'b', '10.0.0.5'), pair('b', '10.0.0.5', 'a', '10.0.0.4')],
    ['e1 20.0.0.1', 'e1 30.0.0.1'],
  ],
  [
    'as before where the pair is of addresses that were not chosen',
    hosts(2, ['e0 10.0.0.#/24 10G', 'e1 10.1.0.#/24']),
    [pair('h-1', '10.1.0.1', 'h-2', '10.1.0.2')],
    ['e0 10.0.0.1', 'e0 10.0.0.2'],
  ],
])('takes %s', (_, all, avoid, expected) => {
  expect(chosen(all, { avoid })).toEqual(expected);
  expect(chosen([...all].reverse(), { avoid })).toEqual([...expected].reverse());
});

describe('refuses in a sentence that names the hosts', () => {
  const clones = [host('a', [LO, DOCKER, 'eth0 10.0.0.5/24']), host('b', [LO, DOCKER, 'eth0 10.0.0.5/24']), host('c', [LO, 'eth0 10.0.0.6/24'])];
  it.each<[string, HostAddresses[], Partial<AddressFacts>, string]>([
    [
      'cloned machines',
      clones,
      {},
      'DuplicateAddress: Hosts a and b have the same address 10.0.0.5, and nothing else that others could reach. Give each an address of its own, or name another with `muster host --address`',
    ],
    [
      'an address that was given twice',
      [host('a', [LO], { address: '127.0.0.2' }), host('b', [LO], { address: '127.0.0.2' })],
      {},
      'DuplicateAddress: Hosts a and b have the same address 127.0.0.2',
    ],
    [
      'docker0 when it is asked for',
      hosts(2, [DOCKER, 'e0 10.0.0.#/24']),
      within(null, 'docker0'),
      'DuplicateAddress: Hosts h-1 and h-2 have the same address 172.17.0.1',
    ],
    [
      'a host that has nothing but loopback, and one with nothing',
      [host('a', ['eth0 10.0.0.1/24']), host('b', [LO]), host('c', [])],
      {},
      'AddressNotFound: No address that other hosts could reach on b (127.0.0.1/8 on lo), c (none at all). Start the agents with',
    ],
    [
      'a host that has a container bridge only',
      [host('a', ['docker0 172.20.0.1/16']), host('b', ['e0 10.0.0.1/24'])],
      {},
      'AddressNotFound: No address that other hosts could reach on a (172.20.0.1/16 on docker0). Start',
    ],
    [
      'hosts with docker0 only',
      hosts(2, [LO, DOCKER]),
      {},
      'AddressNotFound: No address that other hosts could reach on h-1 (127.0.0.1/8 on lo, 172.17.0.1/16 on docker0), h-2',
    ],
    [
      'families that differ',
      [host('a', ['eth0 10.0.0.1/24']), host('b', ['eth0 fd00::1/64'])],
      {},
      'AddressNotFound: All hosts need addresses of one family: IPv4 only on a (10.0.0.1/24 on eth0); IPv6 only on b (fd00::1/64 on eth0)',
    ],
    [
      'given addresses of two families',
      [host('a', ['eth0 10.0.0.1/24', 'eth0 fd00::1/64'], { address: 'fd00::1' }), host('b', ['eth0 10.0.0.2/24'], { address: '10.0.0.2' })],
      {},
      'AddressNotFound: All hosts need addresses of one family',
    ],
    [
      'a network that a host is not in',
      [host('a', ['e0 10.0.0.1/24']), host('b', ['e0 10.1.0.1/24'])],
      within('10.0.0.0/24'),
      'AddressNotFound: No address in network 10.0.0.0/24 on b (10.1.0.1/24 on e0)',
    ],
    [
      'an interface that no host has',
      hosts(2, ['e0 10.0.0.#/24']),
      within(null, 'ib0'),
      'AddressNotFound: No address on interface ib0 on h-1 (10.0.0.1/24 on e0), h-2 (10.0.0.2/24 on e0)',
    ],
    [
      'an interface that is down',
      hosts(2, ['e0 10.0.0.#/24 down']),
      within(null, 'e0'),
      'AddressNotFound: No address on interface e0 on h-1 (10.0.0.1/24 on e0, down), h-2',
    ],
    [
      'an interface with a link-local IPv6 address only',
      hosts(2, ['e0 fe80::#/64']),
      within(null, 'e0'),
      'AddressNotFound: No address on interface e0 on h-1 (fe80::1/64 on e0)',
    ],
    ['a network that is none', hosts(2, ['e0 10.0.0.#/24']), within('ten'), 'AddressNotFound: No address in network ten on h-1'],
    [
      'a given address that the host has lost',
      [host('a', ['e0 10.0.0.1/24'], { address: '10.0.0.9' }), host('b', ['e0 10.0.0.2/24'])],
      {},
      'AddressNotFound: a was started with --address 10.0.0.9, which it does not have; it has 10.0.0.1/24 on e0',
    ],
    [
      'loopback beside a real address',
      [host('a', [LO], { address: '127.0.0.2' }), host('b', [LO, 'e0 10.0.0.2/24'])],
      {},
      'AddressNotFound: Only its own machine reaches what a (127.0.0.1/8 on lo) was told; the run has b',
    ],
    [
      'everything that was proven unreachable',
      hosts(2, ['e0 10.0.0.#/24']),
      { avoid: [pair('h-1', '10.0.0.1', 'h-2', '10.0.0.2')] },
      'AddressNotFound: No choice is left in which all hosts were not proven unreachable for each other: h-1 (10.0.0.1/24 on e0), h-2 (10.0.0.2/24 on e0)',
    ],
  ])('%s', (_, all, change, message) => {
    expect(chosen(all, change).join()).toContain(message);
    expect(chosen([...all].reverse(), change)).toEqual(chosen(all, change));
  });

  it('and stays short with many hosts', () => {
    const [message = ''] = chosen(hosts(500, [LO, ...Array.from({ length: 31 }, (_, i) => `docker${i} 172.17.${i}.1/24`)]));
    expect([message.includes('and 494 more'), message.length < 2_500]).toEqual([true, true]);
  });
});

test.each<[string, HostAddresses[], Partial<AddressFacts>, string]>([
  ['the only shared network', hosts(4, ['eth0 10.0.0.#/24']), {}, '10.0.0.1 on eth0: the one network that all 4 hosts share'],
  [
    'a faster one',
    hosts(2, ['e0 10.0.0.#/24 1G', 'e1 10.9.0.#/24 100G']),
    {},
    '10.9.0.1 on e1: on 10.9.0.0/24, which all 2 hosts share; preferred to 10.0.0.0/24: 100 Gbit/s rather than 1 Gbit/s',
  ],
  [
    'a likelier one',
    hosts(2, ['e0 10.0.0.#/24 10M', 'wg0 10.9.0.#/24']),
    {},
    '10.0.0.1 on e0: on 10.0.0.0/24, which all 2 hosts share; preferred to 10.9.0.0/24: physical rather than tunnel',
  ],
  [
    'different subnets',
    [host('a', ['e0 10.0.0.1/24 default']), host('b', ['e0 10.1.0.1/24 default'])],
    {},
    '10.0.0.1 on e0: the 2 hosts share no usable network; the default route leaves by e0',
  ],
  ['a wish', hosts(2, ['e0 10.0.0.#/24']), within('10.0.0.0/8', 'e0'), '10.0.0.1 on e0: it is in network 10.0.0.0/8 on interface e0, as asked'],
  [
    'a given address',
    [host('a', ['e0 10.0.0.1/24'], { address: '10.0.0.1' }), host('b', ['e0 10.0.0.2/24'])],
    {},
    '10.0.0.1 on e0: it was given with --address',
  ],
  [
    'one that was not reached',
    hosts(2, ['e0 10.0.0.#/24 10G', 'e1 10.1.0.#/24']),
    { avoid: [pair('h-1', '10.0.0.1', 'h-2', '10.0.0.2')] },
    '10.1.0.1 on e1: on 10.1.0.0/24, which all 2 hosts share; not all reach each other on 10.0.0.0/24',
  ],
  [
    'a network with two lengths of prefix',
    [host('a', ['e0 10.0.0.1/24']), host('b', ['e0 10.0.0.2/8'])],
    {},
    '10.0.0.1 on e0: the one network that all 2 hosts share',
  ],
  [
    'a network where one host was given what another has too',
    [host('b', ['e0 10.0.0.5/24', 'e0 10.0.0.6/24']), host('a', ['e0 10.0.0.5/24'], { address: '10.0.0.5' })],
    {},
    '10.0.0.6 on e0: the one network that all 2 hosts share',
  ],
  ['a host alone', [host('a', ['e0 10.0.0.1/24 default'])], {}, '10.0.0.1 on e0: the default route leaves by e0'],
])('says why: %s', (_, all, change, reason) => {
  const decision = decide(all, change);
  expect(decision.kind === 'chosen' ? decision.hosts[0]?.reason : decision.failure.message).toBe(reason);
});

test('decides for a hundred hosts within half a second', () => {
  const lines = [LO, DOCKER, 'eth0 10.0.0.#/24 default 1G', 'eth0 fd00::#/64', 'eth0 fe80::#/64', 'ib0 10.9.0.#/24 200G', 'wg0 10.8.0.#/24'];
  const bridges = (i: number) => Array.from({ length: 25 }, (_, b) => `br-${b} 172.${18 + b}.${i}.1/24`);
  const all = hosts(100, lines).map((each, i) => ({ ...each, candidates: [...each.candidates, ...bridges(i).map(candidate)] }));
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    expect(decide(all).kind).toBe('chosen');
    return performance.now() - start;
  });
  expect(Math.min(...times)).toBeLessThan(500);
});

describe('for any hosts', () => {
  const line = fc.record({
    name: fc.constantFrom('lo', 'eth0', 'eth1', 'docker0', 'wg0', 'wlan0', 'veth1', 'bond0.7', 'dummy0'),
    address: fc.oneof(
      fc
        .tuple(fc.constantFrom('10.0.0', '10.0.1', '172.17.0', '20.0.0', '127.0.0', '169.254.0', '100.64.0'), fc.integer({ min: 1, max: 6 }))
        .map(([net, n]) => `${net}.${n}`),
      fc.tuple(fc.constantFrom('fd00::', 'fe80::', '2a01::', '::'), fc.integer({ min: 1, max: 6 })).map(([net, n]) => `${net}${n}`),
      fc.constantFrom('0.0.0.0', 'nonsense', '', '::ffff:10.0.0.1', '255.255.255.255', '224.0.0.1'),
    ),
    length: fc.constantFrom(0, 8, 16, 24, 31, 32, 64, 128),
    words: fc.constantFrom('', ' default', ' down', ' 100G', ' 1G default'),
  });
  const someHost = fc.record({
    lines: fc.array(line, { maxLength: 5 }),
    told: fc.record({
      address: fc.option(fc.constantFrom('10.0.0.1', '127.0.0.2', 'fd00::1', 'nonsense'), { freq: 6 }),
      network: fc.option(fc.constantFrom('10.0.0.0/16', 'nonsense'), { freq: 6 }),
      interface: fc.option(fc.constant('eth0'), { freq: 6 }),
    }),
  });
  const facts = fc
    .record({
      hosts: fc.array(someHost, { maxLength: 5 }),
      wish: fc.record({
        network: fc.option(fc.constantFrom('10.0.0.3/24', 'fd00::/64', '0.0.0.0/0'), { freq: 8 }),
        interface: fc.option(fc.constant('eth0'), { freq: 8 }),
      }),
      avoid: fc.array(
        fc.record({
          host: fc.constantFrom('h-1', 'h-2', 'h-3'),
          address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.2', 'fd00::1'),
          peer: fc.option(fc.record({ host: fc.constantFrom('h-1', 'h-2', 'h-3'), address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.3') })),
        }),
        { maxLength: 4 },
      ),
    })
    .map(({ hosts: some, ...rest }): AddressFacts => {
      const words = (each: (typeof some)[number]) => each.lines.map(({ name, address, length, words: more }) => `${name} ${address}/${length}${more}`);
      return { ...rest, hosts: some.map((each, i) => host(`h-${i + 1}`, words(each), each.told)) };
    });
  const check = (property: (facts: AddressFacts) => void) => fc.assert(fc.property(facts, property), { numRuns: 2_000 });

  it('gives every host an address of its own or the one that it was told, no two the same, all of one family', () => {
    check((given) => {
      const decision = decideAddresses(given);
      if (decision.kind === 'failed') {
        expect(['AddressNotFound', 'DuplicateAddress']).toContain(decision.failure.type);
        return;
      }
      expect(decision.hosts.map((each) => each.host)).toEqual(given.hosts.map((each) => each.host));
      for (const [i, each] of decision.hosts.entries()) {
        const own = given.hosts[i]?.candidates.some((one) => one.address === each.address && one.interface === each.interface);
        expect(own || given.hosts[i]?.told.address === each.address).toBe(true);
      }
      const addresses = decision.hosts.map(({ address }) => address);
      expect(new Set(addresses).size).toBe(addresses.length);
      expect(new Set(addresses.map((address) => address.includes(':'))).size).toBeLessThanOrEqual(1);
    });
  });

  it('decides the same in whatever order the hosts come', () => {
    check((given) => {
      const sorted = (decision: ReturnType<typeof decideAddresses>) =>
        decision.kind === 'chosen' ? [...decision.hosts].sort((a, b) => (a.host < b.host ? -1 : 1)) : decision.failure;
      const straight = decideAddresses(given);
      expect(sorted(decideAddresses({ ...given, hosts: [...given.hosts].reverse() }))).toEqual(sorted(straight));
      const [first, ...rest] = given.hosts;
      expect(sorted(decideAddresses({ ...given, hosts: first ? [...rest, first] : [] }))).toEqual(sorted(straight));
    });
  });

  it('chooses nothing that was proven not to work', () => {
    check((given) => {
      const decision = decideAddresses(given);
      if (decision.kind === 'failed') return;
      const has = (id: string, address: string) => decision.hosts.some((each) => each.host === id && each.address === address);
      expect(given.avoid.filter(({ host: id, address, peer }) => has(id, address) && (peer === null || has(peer.host, peer.address)))).toEqual([]);
    });
  });
});
