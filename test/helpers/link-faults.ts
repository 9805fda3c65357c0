import { startSlowWire } from './slow-wire.js';
import { type Network, type Port, SWITCH } from './stations.js';

/** Takes back exactly one fault. Again and again: the same. */
export type Undo = () => Promise<void>;

/** Which packets between two stations are meant: all if nothing is said. */
export interface Between {
  /** Those between their addresses on this fabric. */
  fabric?: string;
  /** The first of each TCP connection, so that the other side can still connect. */
  only?: 'connecting';
}

/**
 * Faults on the cables of a network, made at the switch where the stations cannot see them, but for `refuse`. Each takes effect before its
 * promise resolves, adds to the others, and is taken back by its own undo, by `heal` of a station it was made for, or by `healAll`.
 */
export class LinkFaults {
  readonly #network: Network;
  readonly #standing = new Set<{ stations: string[]; undo: Undo }>();
  readonly #cuts = new Map<string, number>();
  #last: Promise<unknown> = Promise.resolve();
  #made = 0;

  constructor(network: Network) {
    this.#network = network;
  }

  /** Pulls the station's cables, or the one to a fabric: no reset, the interface loses its carrier and keeps its addresses. */
  async cut(station: string, fabric?: string): Promise<Undo> {
    const ports = this.#network.ports(station, fabric);
    return await this.#stand(
      [station],
      () => this.#turn(ports, 1),
      () => this.#turn(ports, -1),
    );
  }

  /** Nothing passes between two stations, as between a host and Temporal's; both still reach all others. */
  async cutFrom(station: string, other: string): Promise<Undo> {
    return await this.#filter([station, other], SWITCH, 'netdev', [...this.#dropping(station, other), ...this.#dropping(other, station)]);
  }

  /** Packets of `from` do not arrive at `to`; those of `to` arrive at `from`. */
  async block(from: string, to: string, between: Between = {}): Promise<Undo> {
    return await this.#filter([from, to], SWITCH, 'netdev', this.#dropping(from, to, between));
  }

  /** `to` answers TCP packets of `from` with a reset, as a firewall there would; of open connections too. */
  async refuse(from: string, to: string, { fabric, only }: Between = {}): Promise<Undo> {
    const what = only ? BEGINNING : 'meta l4proto tcp';
    const rules = matching(this.#network.addresses(from, fabric)).map((match) => `${match} ${what} reject with tcp reset`);
    return await this.#filter([from, to], to, 'inet', [`chain in { type filter hook input priority 0; ${rules.join('; ')}; }`]);
  }

  /** Of the packets that the station gets or sends so many are lost, by chance; of those that it gets only, while it is slow by `delay`. */
  async lose(station: string, percent: number): Promise<Undo> {
    const rule = [percent >= 100 ? 'drop' : `numgen random mod 1000 < ${Math.round(percent * 10)} drop`];
    const chains = this.#network.ports(station).flatMap((port) => [chain(port, 'ingress', rule), chain(port, 'egress', rule)]);
    return await this.#filter([station], SWITCH, 'netdev', chains);
  }

  /** What the station gets comes at this rate at most. One such fault a station. */
  async throttle(station: string, kilobitsPerSecond: number): Promise<Undo> {
    const ports = this.#network.ports(station);
    const tc = (verb: string, what = '') =>
      this.#network.namespaces.exec(SWITCH, ['tc', '-batch', '-'], ports.map(({ device }) => `qdisc ${verb} dev ${device} root ${what}\n`).join(''));
    return await this.#stand(
      [station],
      () => tc('add', `tbf rate ${kilobitsPerSecond}kbit burst 16kb latency 2s`),
      () => tc('delete'),
    );
  }

  /** Every packet that the station gets or sends comes so much later. One such fault a station; it takes some 100 ms to begin. */
  async delay(station: string, ms: number): Promise<Undo> {
    const { namespaces } = this.#network;
    const detours = this.#network.ports(station).map(({ device, bridge }) => ({ device, bridge, near: `${device}-near`, far: `${device}-far` }));
    const wires: { stop(): Promise<void> }[] = [];
    return await this.#stand(
      [station],
      async () => {
        const cables = detours.flatMap(({ near, far }) => [`link add ${near} type veth peer name ${far}`, `link set ${near} up`, `link set ${far} up`]);
        await namespaces.ip(SWITCH, cables);
        wires.push(...(await Promise.all(detours.map(({ device, near }) => startSlowWire(namespaces, SWITCH, ms, [device, near])))));
        const detour = detours.flatMap(({ device, far, bridge }) => [`link set ${device} nomaster`, `link set ${far} master ${bridge}`]);
        await namespaces.ip(SWITCH, detour);
      },
      async () => {
        const straight = detours.flatMap(({ device, far, bridge }) => [`link delete ${far}`, `link set ${device} master ${bridge}`]);
        await namespaces.ip(SWITCH, straight);
        await Promise.all(wires.map((wire) => wire.stop()));
      },
    );
  }

  /** Takes back all faults that were made for the station. */
  async heal(station: string): Promise<void> {
    await Promise.all([...this.#standing].filter(({ stations }) => stations.includes(station)).map(({ undo }) => undo()));
  }

  async healAll(): Promise<void> {
    await Promise.all([...this.#standing].map(({ undo }) => undo()));
  }

  // On the way out of the switch: there even what took the way of a slow wire passes.
  #dropping(from: string, to: string, { fabric, only }: Between = {}): string[] {
    const rules = matching(this.#network.addresses(from, fabric)).map((match) => `${match} ${only ? BEGINNING : ''} drop`);
    return this.#network.ports(to, fabric).map((port) => chain(port, 'egress', rules));
  }

  async #filter(stations: string[], where: string, family: 'netdev' | 'inet', chains: string[]): Promise<Undo> {
    const table = `table ${family} fault-${this.#made++}`;
    const nft = (text: string) => this.#network.namespaces.exec(where, ['nft', '-f', '-'], text);
    return await this.#stand(
      stations,
      () => nft(`${table} {\n${chains.join('\n')}\n}\n`),
      () => nft(`delete ${table}`),
    );
  }

  // In order: of two cables that are pulled and plugged in at once, the last word counts.
  async #turn(ports: Port[], by: 1 | -1): Promise<void> {
    const turned = this.#last.then(async () => {
      const lines = ports.map(({ device }) => {
        const cuts = (this.#cuts.get(device) ?? 0) + by;
        this.#cuts.set(device, cuts);
        return `link set ${device} ${cuts > 0 ? 'down' : 'up'}`;
      });
      await this.#network.namespaces.ip(SWITCH, lines);
    });
    this.#last = turned.catch(() => {});
    await turned;
  }

  async #stand(stations: string[], make: () => Promise<unknown>, takeBack: () => Promise<unknown>): Promise<Undo> {
    await make();
    let undone: Promise<unknown> | undefined;
    const fault = {
      stations,
      undo: async () => {
        this.#standing.delete(fault);
        undone ??= takeBack();
        await undone;
      },
    };
    this.#standing.add(fault);
    return fault.undo;
  }
}

const BEGINNING = 'tcp flags & (syn | ack) == syn';

function matching(addresses: string[]): string[] {
  const [v6, v4] = [true, false].map((wanted) => addresses.filter((address) => address.includes(':') === wanted).join(', '));
  return [...(v4 ? [`ip saddr { ${v4} }`] : []), ...(v6 ? [`ip6 saddr { ${v6} }`] : [])];
}

function chain({ device }: Port, hook: 'ingress' | 'egress', rules: string[]): string {
  return `chain ${hook}-${device} { type filter hook ${hook} device "${device}" priority 0; ${rules.join('; ')}; }`;
}
