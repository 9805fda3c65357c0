import ipaddr from 'ipaddr.js';
import type { GrantedHost } from '../../spec/fleet.js';
import type { GatheredHost } from '../../spec/nodes.js';
import { nodeId, type Roster, type RosterNode } from '../../spec/roster.js';

/** A gathered host with the address that was chosen for it. */
export type AddressedHost = Pick<GatheredHost, 'host' | 'port' | 'gpus' | 'freePort' | 'highestGeneration'> & { address: string; interface: string };

/** Compares addresses as numbers: 10.0.0.9 before 10.0.0.10; IPv4 before IPv6. */
export function compareAddresses(a: string, b: string): number {
  const x = addressKey(a);
  const y = addressKey(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

function addressKey(address: string): string {
  const parsed = ipaddr.parse(address);
  const bytes = parsed.toByteArray().map((byte) => byte.toString(16).padStart(2, '0'));
  return (parsed.kind() === 'ipv4' ? '4' : '6') + bytes.join('');
}

/**
 * Ranks run over the groups in order. Within a group: the order of `pinned`, else numeric order of address; who was in the previous
 * roster keeps its rank, and newcomers fill the holes; always 0…N-1. The generation is one more than the highest that the run or any host has
 * seen.
 */
export function decideRoster(facts: {
  runId: string;
  gathered: readonly AddressedHost[];
  /** Which host is for which group. */
  granted: readonly GrantedHost[];
  /** The names of the groups. */
  groups: readonly string[];
  pinned: readonly string[] | null;
  previous: Roster | null;
  generation: number;
}): Roster {
  const { runId, gathered, pinned, previous } = facts;
  const inOrder = [...gathered].sort((a, b) => (pinned ? pinned.indexOf(a.host) - pinned.indexOf(b.host) : compareAddresses(a.address, b.address)));
  const highest = Math.max(facts.generation, ...gathered.map((host) => host.highestGeneration));
  const groupOf = ({ host }: AddressedHost) => facts.granted.find((granted) => granted.host === host)?.group ?? 0;
  const ranked = facts.groups.flatMap((group, index) => {
    const members = inOrder.filter((host) => groupOf(host) === index);
    const before = previous?.nodes.filter((node) => node.group === group) ?? [];
    return inRanks(members, before).map((node) => ({ node, group }));
  });
  const nodes = ranked.map(({ node, group }, rank) => ({
    rank,
    group,
    host: node.host,
    address: node.address,
    interface: node.interface,
    port: node.port,
    gpus: node.gpus,
    id: nodeId(runId, node.address),
  }));
  return { runId, generation: highest + 1, masterPort: ranked[0]?.node.freePort ?? null, nodes };
}

/** The roster before a change: where its rank 0 does not stay, the first of those who do takes its place. */
export function withLivingMaster(roster: Roster, stay: readonly RosterNode[]): Roster {
  const [master] = roster.nodes;
  const heir = stay.find(({ group }) => group === master?.group);
  if (!master || !heir || stay.some(({ host }) => host === master.host)) return roster;
  const nodes = roster.nodes.map((node, rank) => (rank === 0 ? heir : node.host === heir.host ? master : node));
  return { ...roster, nodes };
}

function inRanks(inOrder: readonly AddressedHost[], previous: readonly RosterNode[]): AddressedHost[] {
  const ranks = new Map(previous.map(({ host }, rank) => [host, rank]));
  const stays = ({ host }: AddressedHost) => (ranks.get(host) ?? inOrder.length) < inOrder.length;
  const byRank = new Map(inOrder.filter(stays).map((node) => [ranks.get(node.host), node]));
  const others = inOrder.filter((node) => !stays(node));
  return inOrder.flatMap((_, rank) => byRank.get(rank) ?? others.shift() ?? []);
}
