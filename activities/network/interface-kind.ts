import type { InterfaceKind } from '../../spec/candidates.js';
import type { SystemFiles } from './system-files.js';

/** What an interface is made of, as `/sys/class/net` and `/proc/net/vlan` tell; names say nothing. `other` where they do not tell. */
export function interfaceKind(name: string, files: SystemFiles): InterfaceKind {
  const entries = files.list(`${NET}/${name}`);
  const type = Number(files.read(`${NET}/${name}/type`));
  const devtype = /^DEVTYPE=(.*)$/m.exec(files.read(`${NET}/${name}/uevent`))?.[1] ?? '';
  if (type === ARPHRD_LOOPBACK) return 'loopback';
  if (entries.includes('bridge') || devtype === 'bridge') return bridgeKind(name, files);
  if (entries.includes('bonding') || devtype === 'bond') return 'bond';
  if (devtype === 'vlan' || files.list('/proc/net/vlan').includes(name)) return 'vlan';
  if (entries.includes('wireless') || entries.includes('phy80211') || RADIO.has(devtype)) return 'wireless';
  if (entries.includes('tun_flags') || TUNNELS.has(devtype) || TUNNEL_TYPES.has(type)) return 'tunnel';
  if (devtype === 'openvswitch') return 'bridge';
  if (entries.includes('device')) return 'physical';
  return virtualKind(name, entries, devtype, files);
}

/** A bridge leads out by a port that does; ends of containers (veth) and of virtual machines (tap) do not. */
function bridgeKind(name: string, files: SystemFiles): InterfaceKind {
  const ports = files.list(`${NET}/${name}/brif`);
  const isEnd = (port: string) => files.list(`${NET}/${port}`).includes('tun_flags') || interfaceKind(port, files) === 'veth';
  const outside = ports.filter((port) => !isEnd(port)).map((port) => interfaceKind(port, files));
  if (outside.length === 0) return 'container-bridge';
  return outside.every((kind) => kind === 'tunnel') ? 'tunnel' : 'bridge';
}

function virtualKind(name: string, entries: string[], devtype: string, files: SystemFiles): InterfaceKind {
  const lower = entries.flatMap((entry) => (entry.startsWith('lower_') ? [entry.slice('lower_'.length)] : []));
  if (lower.length > 0) return devtype === '' && lower.every((port) => isPortOf(name, port, files)) ? 'bond' : 'other';
  const read = (file: string) => files.read(`${NET}/${name}/${file}`).trim();
  const noArp = (Number(read('flags')) & IFF_NOARP) !== 0;
  // The other end of a pair has another index, here or in another network namespace. (So has a macvlan whose link is outside of this one.)
  return devtype === '' && read('iflink') !== read('ifindex') && !noArp ? 'veth' : 'other';
}

// The team driver says nothing of itself; its ports have it as their master, and nothing else above them.
function isPortOf(name: string, port: string, files: SystemFiles): boolean {
  const entries = files.list(`${NET}/${port}`);
  const upper = entries.filter((entry) => entry.startsWith('upper_'));
  return entries.includes('master') && upper.length === 1 && upper[0] === `upper_${name}`;
}

const NET = '/sys/class/net';

// Flags and types of <linux/if.h> and <linux/if_arp.h>.
const IFF_NOARP = 0x80;
const ARPHRD_LOOPBACK = 772;
const TUNNEL_TYPES: ReadonlySet<number> = new Set([
  512 /* ppp */, 768 /* ipip */, 769 /* ip6tnl */, 776 /* sit */, 778 /* gre */, 823 /* gre6 */, 65534 /* none */,
]);

const RADIO: ReadonlySet<string> = new Set(['wlan', 'wwan']);
const TUNNELS: ReadonlySet<string> = new Set(['wireguard', 'vxlan', 'geneve', 'gre', 'gretap', 'ppp', 'bareudp', 'gtp', 'l2tpeth', 'ovpn']);
