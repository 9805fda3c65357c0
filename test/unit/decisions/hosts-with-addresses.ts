import type { Candidate, InterfaceKind } from '../../../spec/candidates.js';
import type { HostAddresses } from '../../../workflows/decisions/address/options.js';

/**
 * A host from words such as `eth0 10.0.0.5/24 default 100G`: interface, address, and in any order `default`, `down`, a speed, a kind.
 * Without a kind the interface's usual name tells it. `told` is what its agent was started with.
 */
export function host(id: string, lines: string[], told: Partial<HostAddresses['told']> = {}): HostAddresses {
  return { host: id, candidates: lines.map(candidate), told: { address: null, network: null, interface: null, ...told } };
}

export function candidate(line: string): Candidate {
  const [name = '', cidr = '', ...words] = line.split(' ');
  const [address = '', length] = cidr.split('/');
  const speed = words.map((word) => /^(\d+)([MG])$/.exec(word)).find((match) => match !== null);
  const kind = KINDS.find((each) => words.includes(each)) ?? USUAL.find(([pattern]) => pattern.test(name))?.[1] ?? 'physical';
  return {
    ...{ interface: name, address, prefixLength: Number(length), family: address.includes(':') ? 6 : 4 },
    kind: /^(fe80:|169\.254\.)/.test(address) ? 'link-local' : kind,
    speedMbit: speed ? Number(speed[1]) * (speed[2] === 'G' ? 1_000 : 1) : null,
    defaultRoute: words.includes('default'),
    up: !words.includes('down'),
  };
}

/** The addresses of `count` hosts as lines: `#` stands for the number of the host, from 1. */
export function hosts(count: number, lines: string[]): HostAddresses[] {
  return Array.from({ length: count }, (_, i) =>
    host(
      `h-${i + 1}`,
      lines.map((line) => line.replaceAll('#', String(i + 1))),
    ),
  );
}

const KINDS: InterfaceKind[] = ['physical', 'wireless', 'bond', 'vlan', 'bridge', 'container-bridge', 'veth', 'tunnel', 'other'];
const USUAL: [RegExp, InterfaceKind][] = [
  [/^lo/, 'loopback'],
  [/^(docker|br-|cni)/, 'container-bridge'],
  [/^br/, 'bridge'],
  [/^bond\d+$/, 'bond'],
  [/\./, 'vlan'],
  [/^wl/, 'wireless'],
  [/^(wg|tun|tailscale)/, 'tunnel'],
  [/^veth/, 'veth'],
  [/^dummy/, 'other'],
];
