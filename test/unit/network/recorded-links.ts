import type { SystemFiles } from '../../../activities/network/system-files.js';

/**
 * `/sys/class/net` and `/proc` of a machine as a text: a line an interface, its files as `name=content`, what else is in its directory as
 * `+name`, the ports of a bridge as `ports=a,b`. `proc` has the texts of other files by path.
 */
export function recorded(text: string, proc: Record<string, string> = {}): SystemFiles {
  const files = new Map(Object.entries(proc));
  const lists = new Map<string, string[]>();
  for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
    const [name = '', ...words] = line.trim().split(/\s+/);
    const directory = `/sys/class/net/${name}`;
    const entries: string[] = [];
    for (const word of words) {
      const [key = '', value = ''] = word.split('=');
      if (key === 'ports') lists.set(`${directory}/brif`, value.split(',').filter(Boolean));
      else if (key === 'DEVTYPE') files.set(`${directory}/uevent`, `DEVTYPE=${value}\nINTERFACE=${name}\n`);
      else if (key.startsWith('+')) entries.push(key.slice(1));
      else files.set(`${directory}/${key}`, `${value}\n`);
      if (!key.startsWith('+')) entries.push(key === 'DEVTYPE' ? 'uevent' : key === 'ports' ? 'brif' : key);
    }
    lists.set(directory, entries);
  }
  for (const path of files.keys()) {
    const [, directory = '', name = ''] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
    if (directory.startsWith('/proc')) lists.set(directory, [...(lists.get(directory) ?? []), name]);
  }
  return { read: (path) => files.get(path) ?? '', list: (path) => lists.get(path) ?? [] };
}

/** Links by what made them. The first ten are as read in a network namespace of Linux 6.18, the rest as their drivers write them. */
export const LINKS = `
  lo       type=772   flags=0x9    operstate=unknown ifindex=1  iflink=1
  eth0     type=1     flags=0x1003 operstate=up      ifindex=4  iflink=4  speed=-1 +device
  ifb0     type=1     flags=0x82   operstate=down    ifindex=2  iflink=2
  docker0  type=1     flags=0x1003 operstate=down    ifindex=5  iflink=5  DEVTYPE=bridge +bridge ports=
  br-c0ffe type=1     flags=0x1003 operstate=up      ifindex=6  iflink=6  DEVTYPE=bridge +bridge ports=veth1a +lower_veth1a
  veth1a   type=1     flags=0x1303 operstate=up      ifindex=7  iflink=3  speed=10000 +brport +master +upper_br-c0ffe
  tun0     type=65534 flags=0x1091 operstate=unknown ifindex=8  iflink=8  tun_flags=0x1801 speed=10
  tap0     type=1     flags=0x1003 operstate=up      ifindex=9  iflink=9  tun_flags=0x1802 speed=10 +master +upper_virbr0
  macvlan0 type=1     flags=0x1003 operstate=up      ifindex=10 iflink=4  +lower_eth0
  vxlan5   type=1     flags=0x1003 operstate=unknown ifindex=11 iflink=11 DEVTYPE=vxlan
  virbr0   type=1     flags=0x1003 operstate=up      ifindex=12 iflink=12 DEVTYPE=bridge +bridge ports=tap0 +lower_tap0
  br0      type=1     flags=0x1003 operstate=up      ifindex=13 iflink=13 DEVTYPE=bridge +bridge ports=eno2,tap1 speed=1000
  eno2     type=1     flags=0x1103 operstate=up      ifindex=14 iflink=14 speed=1000 +device +master +upper_br0
  tap1     type=1     flags=0x1103 operstate=up      ifindex=15 iflink=15 tun_flags=0x1802 +master +upper_br0
  br-over  type=1     flags=0x1003 operstate=up      ifindex=16 iflink=16 DEVTYPE=bridge +bridge ports=vxlan6,veth1b
  vxlan6   type=1     flags=0x1103 operstate=unknown ifindex=17 iflink=17 DEVTYPE=vxlan +master +upper_br-over
  veth1b   type=1     flags=0x1303 operstate=up      ifindex=18 iflink=2  +brport +master +upper_br-over
  bond0    type=1     flags=0x1403 operstate=up      ifindex=19 iflink=19 DEVTYPE=bond +bonding speed=20000 +lower_eno3 +lower_eno4
  eno3     type=1     flags=0x1803 operstate=up      ifindex=20 iflink=20 speed=10000 +device +master +upper_bond0
  eno4     type=1     flags=0x1803 operstate=up      ifindex=21 iflink=21 speed=10000 +device +master +upper_bond0
  bond0.7  type=1     flags=0x1003 operstate=up      ifindex=22 iflink=19 DEVTYPE=vlan +lower_bond0 speed=20000
  vlan9    type=1     flags=0x1003 operstate=up      ifindex=23 iflink=4  +lower_eth0
  team0    type=1     flags=0x1003 operstate=up      ifindex=24 iflink=24 +lower_eno5
  eno5     type=1     flags=0x1003 operstate=up      ifindex=25 iflink=25 +device +master +upper_team0
  wlan0    type=1     flags=0x1003 operstate=up      ifindex=26 iflink=26 DEVTYPE=wlan +device +wireless +phy80211
  wwan0    type=519   flags=0x1003 operstate=up      ifindex=27 iflink=27 DEVTYPE=wwan +device
  wg0      type=65534 flags=0x91   operstate=unknown ifindex=28 iflink=28 DEVTYPE=wireguard
  gre1     type=778   flags=0x91   operstate=unknown ifindex=29 iflink=29
  ppp0     type=512   flags=0x91   operstate=unknown ifindex=30 iflink=30 DEVTYPE=ppp
  ib0      type=32    flags=0x1003 operstate=up      ifindex=31 iflink=31 speed=200000 +device
  dummy0   type=1     flags=0x83   operstate=unknown ifindex=32 iflink=32
  vrf-blue type=1     flags=0x4c1  operstate=up      ifindex=33 iflink=33 DEVTYPE=vrf +lower_eno6
  eno6     type=1     flags=0x1003 operstate=down    ifindex=34 iflink=34 +device +master +upper_vrf-blue speed=4294967295
  br-ex    type=1     flags=0x1003 operstate=unknown ifindex=35 iflink=35 DEVTYPE=openvswitch
`;
