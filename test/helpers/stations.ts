import { Namespaces } from './namespaces.js';

/** One machine of a network: a host, a router, or where Temporal runs. */
export interface Station {
  name: string;
  links: Link[];
  /** One address a family. */
  defaultVia?: string[];
  /** A `docker0` with 172.17.0.1/16, the same on every machine: `busy` with a container plugged in, `idle` after the last one went, without a carrier. */
  docker?: 'idle' | 'busy';
  /** A tunnel over one of the links that all others on it with the same interface name can be reached through. */
  overlay?: Overlay;
  /** It is a router. */
  forwards?: boolean;
}

/** A cable to a switch. Everything on a fabric hears everything else on it. */
export interface Link {
  fabric: string;
  /** In the station. */
  interface: string;
  /** With their prefix lengths: `10.77.0.1/24`, `fd77::1/64`. */
  addresses: string[];
}

export interface Overlay {
  interface: string;
  address: string;
  /** The interface of one of the links. */
  over: string;
}

/** A cable as the switch sees it. */
export interface Port {
  station: string;
  fabric: string;
  /** The switch's own end. */
  device: string;
  /** What it is plugged into. */
  bridge: string;
}

/** A station on the fabric `lan`: 10.77.0.`number` and fd77::`number` on eth0. */
export function onLan(name: string, number: number, more: Partial<Station> = {}): Station {
  return { name, links: [{ fabric: 'lan', interface: 'eth0', addresses: [`10.77.0.${number}/24`, `fd77::${number.toString(16)}/64`] }], ...more };
}

/** Stations, each in a network namespace, and the switch between them, a bridge for each fabric in a namespace of its own. */
export class Network {
  readonly #stations = new Map<string, Station>();
  readonly #ports: Port[] = [];
  readonly #fabrics = new Set<string>();
  #made = 0;

  static async open(): Promise<Network> {
    const namespaces = await Namespaces.open();
    await namespaces.add([SWITCH]);
    return new Network(namespaces);
  }

  private constructor(readonly namespaces: Namespaces) {}

  /** Resolves when everything of the stations is up. */
  async add(stations: Station[]): Promise<void> {
    await this.namespaces.add(stations.flatMap(({ name, docker }) => (docker ? [name, containerOf(name)] : [name])));
    const cables = stations.flatMap((station) => [...this.#fabricsOf(station), ...this.#cablesOf(station)]);
    await this.namespaces.ip(SWITCH, cables);
    await Promise.all(stations.map((station) => this.#setUp(station)));
  }

  /** Kills what still runs on the stations. */
  async remove(names: string[]): Promise<void> {
    const containers = names.filter((name) => this.station(name).docker).map(containerOf);
    await this.namespaces.remove([...names, ...containers]);
    for (const name of names) this.#stations.delete(name);
    for (const [at, { station }] of [...this.#ports.entries()].reverse()) if (names.includes(station)) this.#ports.splice(at, 1);
  }

  station(name: string): Station {
    const station = this.#stations.get(name);
    if (!station) throw new Error(`There is no station ${name}, only ${[...this.#stations.keys()].join(', ')}`);
    return station;
  }

  /** All cables of a station, or the one to a fabric. */
  ports(name: string, fabric?: string): Port[] {
    const ports = this.#ports.filter((port) => port.station === this.station(name).name && (fabric === undefined || port.fabric === fabric));
    if (ports.length === 0) throw new Error(`Station ${name} has no link to ${fabric}`);
    return ports;
  }

  /** What others on its fabrics, or on the one, call it; without prefix lengths. */
  addresses(name: string, fabric?: string): string[] {
    const links = this.station(name).links.filter((link) => fabric === undefined || link.fabric === fabric);
    return links.flatMap(({ addresses }) => addresses.map(withoutPrefix));
  }

  #fabricsOf({ links }: Station): string[] {
    const fresh = links.map(({ fabric }) => fabric).filter((fabric) => !this.#fabrics.has(fabric));
    for (const fabric of fresh) this.#fabrics.add(fabric);
    // No snooping: there is nobody to ask for members, and overlays use multicast.
    return fresh.flatMap((fabric) => [`link add ${bridgeOf(fabric)} type bridge stp_state 0 mcast_snooping 0`, `link set ${bridgeOf(fabric)} up`]);
  }

  #cablesOf(station: Station): string[] {
    this.#stations.set(station.name, station);
    return station.links.flatMap(({ fabric, interface: nic }) => {
      const device = `p${this.#made++}`;
      this.#ports.push({ station: station.name, fabric, device, bridge: bridgeOf(fabric) });
      return [`link add ${device} type veth peer name ${nic} netns ${this.namespaces.named(station.name)}`, `link set ${device} master ${bridgeOf(fabric)} up`];
    });
  }

  async #setUp(station: Station): Promise<void> {
    const { name, links, docker, overlay, forwards, defaultVia = [] } = station;
    const container = this.namespaces.named(containerOf(name));
    await this.namespaces.ip(name, [
      'link set lo up',
      ...links.flatMap(({ interface: nic, addresses }) => [...addresses.map((address) => addressOn(nic, address)), `link set ${nic} up`]),
      ...(docker === undefined ? [] : ['link add docker0 type bridge', addressOn('docker0', '172.17.0.1/16'), 'link set docker0 up']),
      ...(docker === undefined ? [] : [`link add veth0 type veth peer name eth0 netns ${container}`, 'link set veth0 master docker0 up']),
      ...(docker === 'idle' ? ['link delete veth0'] : []),
      ...(overlay ? overlayOf(overlay) : []),
      ...defaultVia.map((via) => `route add default via ${via}`),
    ]);
    if (docker === 'busy') await this.namespaces.ip(containerOf(name), ['link set lo up', addressOn('eth0', '172.17.0.2/16'), 'link set eth0 up']);
    if (forwards) await this.namespaces.exec(name, ['sh', '-c', 'for key in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 1 > /proc/sys/net/$key; done']);
  }
}

/** The namespace of the bridges. */
export const SWITCH = 'the-switch';

export function withoutPrefix(address: string): string {
  return address.split('/')[0] ?? address;
}

function bridgeOf(fabric: string): string {
  return `br-${fabric}`;
}

function containerOf(station: string): string {
  return `${station}-container`;
}

// Duplicate address detection would keep an IPv6 address from use for a second.
function addressOn(device: string, address: string): string {
  return `addr add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`;
}

// VXLAN stands for WireGuard and others, which fewer kernels have: what a launcher sees of them is a name and an address.
function overlayOf({ interface: nic, address, over }: Overlay): string[] {
  return [`link add ${nic} type vxlan id 77 dstport 4789 group 239.77.0.1 dev ${over}`, addressOn(nic, address), `link set ${nic} up`];
}
