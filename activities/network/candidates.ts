import ipaddr from 'ipaddr.js';
import { type Candidate, doubt, type InterfaceKind, MOST_CANDIDATES } from '../../spec/candidates.js';
import { listCandidates, type Candidate as OwnAddress, parseDefaultRoute } from './addresses.js';
import { interfaceKind } from './interface-kind.js';
import { type SystemFiles, systemFiles } from './system-files.js';

/** Every address of this machine with what the system says of its interface, the likeliest to be reached first, at most `MOST_CANDIDATES`. */
export function readCandidates(): Candidate[] {
  return describeCandidates(listCandidates(), systemFiles());
}

/**
 * As `readCandidates`, of these addresses and texts. Within an interface the order stays the kernel's, but what is about to go (an IPv6
 * address that is temporary or deprecated) comes last, and so does what an interface has beyond four of a family: a hundred addresses
 * on one link hide no other link.
 */
export function describeCandidates(addresses: readonly OwnAddress[], files: SystemFiles): Candidate[] {
  const route = parseDefaultRoute(files.read('/proc/net/route'), files.read('/proc/net/ipv6_route'));
  const states = addressStates(files.read('/proc/net/if_inet6'));
  const links = new Map<string, Link>();
  const seen = new Map<string, number>();
  const described = addresses
    .filter(({ address }) => ipaddr.isValid(address))
    .map((own) => {
      const link = links.get(own.interface) ?? readLink(own.interface, files);
      links.set(own.interface, link);
      const state = states.get(`${own.interface} ${ipaddr.parse(own.address)}`) ?? 0;
      const place = `${own.interface} ${own.family}`;
      seen.set(place, (seen.get(place) ?? 0) + 1);
      const candidate: Candidate = {
        ...{ interface: own.interface, address: own.address, prefixLength: own.prefixLength, family: own.family },
        ...{ kind: kindOf(own, link.kind), speedMbit: link.speedMbit, defaultRoute: linkName(own.interface) === route },
        up: link.up && (state & (IFA_F_DADFAILED | IFA_F_TENTATIVE)) === 0,
      };
      const passing = (state & (IFA_F_TEMPORARY | IFA_F_DEPRECATED)) !== 0;
      return { candidate, last: Number(!candidate.up) * 4 + Number((seen.get(place) ?? 0) > MOST_OF_AN_INTERFACE) * 2 + Number(passing) };
    });
  const order = (a: (typeof described)[number], b: (typeof described)[number]) =>
    a.last - b.last ||
    doubt(a.candidate) - doubt(b.candidate) ||
    Number(b.candidate.defaultRoute) - Number(a.candidate.defaultRoute) ||
    (b.candidate.speedMbit ?? 0) - (a.candidate.speedMbit ?? 0) ||
    a.candidate.family - b.candidate.family;
  return described
    .sort(order)
    .slice(0, MOST_CANDIDATES)
    .map(({ candidate }) => candidate);
}

interface Link {
  kind: InterfaceKind;
  speedMbit: number | null;
  up: boolean;
}

function readLink(label: string, files: SystemFiles): Link {
  const name = linkName(label);
  const read = (file: string) => files.read(`/sys/class/net/${name}/${file}`).trim();
  const speed = Number(read('speed') || -1);
  const known = Number.isInteger(speed) && speed > 0 && !UNKNOWN_SPEEDS.has(speed);
  const flags = read('flags');
  // Without /sys nothing is known but that Node.js lists an address of it, which it does for a link that runs.
  const up = flags === '' || ((Number(flags) & IFF_UP) !== 0 && ['', 'up', 'unknown'].includes(read('operstate')));
  return { kind: interfaceKind(name, files), speedMbit: known ? speed : null, up };
}

// An address may have a label of its own (`eth0:1`), which Node.js gives for the interface's name.
function linkName(label: string): string {
  return label.split(':')[0] ?? label;
}

// What an address is weighs more than what holds it. A routed address that was put onto `lo` is no loopback address.
function kindOf({ address, internal }: OwnAddress, link: InterfaceKind): InterfaceKind {
  const range = ipaddr.process(address).range();
  if (range === 'loopback') return 'loopback';
  if (range === 'linkLocal') return 'link-local';
  return internal || link === 'loopback' ? 'other' : link;
}

/** Flags of each IPv6 address, by interface and address, from the text of `/proc/net/if_inet6`. */
function addressStates(text: string): Map<string, number> {
  const states = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [hex = '', , , , flags = '', name = ''] = line.trim().split(/\s+/);
    const groups = hex.match(/[0-9a-f]{4}/gi);
    if (groups?.length !== 8) continue;
    states.set(`${name} ${ipaddr.parse(groups.join(':'))}`, Number.parseInt(flags, 16));
  }
  return states;
}

const MOST_OF_AN_INTERFACE = 4;

// Flags of <linux/if.h> and <linux/if_addr.h>. A driver that does not know its speed says -1, or that as an unsigned number of 16 or 32 bits.
const IFF_UP = 0x1;
const UNKNOWN_SPEEDS: ReadonlySet<number> = new Set([65_535, 4_294_967_295]);
const IFA_F_TEMPORARY = 0x01;
const IFA_F_DADFAILED = 0x08;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;
