import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';

/** One node of a sealed roster. */
export interface RosterNode {
  rank: number;
  /** The name of its group; `0` in a task without groups. */
  group: string;
  host: string;
  address: string;
  interface: string;
  /** Port of the agent on `address`; never a port of the user's program. */
  port: number;
  gpus: number;
  /** UUIDv5 of (run id, address). */
  id: string;
}

/** The nodes of one generation, in rank order. Sealed: a change of members makes a new generation. */
export interface Roster {
  runId: string;
  generation: number;
  /** A TCP port that is free on rank 0's host and held until the start; null where no dialect asks for one. */
  masterPort: number | null;
  nodes: RosterNode[];
}

/** The bytes that every node of a generation gets, the same on each. */
export function rosterBytes(roster: Roster): string {
  return JSON.stringify(roster);
}

/** SHA-256 of the roster's bytes, in hexadecimal. */
export function rosterDigest(bytes: string): string {
  return bytesToHex(sha256(utf8ToBytes(bytes)));
}

/** The value of `DSTACK_NODES_IPS`: rank order, joined by newlines, none at the end. */
export function nodesIps(roster: Roster): string {
  return roster.nodes.map((node) => node.address).join('\n');
}

/**
 * UUIDv5 in the namespace of the run id, of the node's address: every node can derive every
 * peer's id from the list alone. Source: RFC 9562, section 5.5.
 */
export function nodeId(runId: string, address: string): string {
  const namespace = hexToBytes(runId.replaceAll('-', ''));
  const name = utf8ToBytes(address);
  const input = new Uint8Array(namespace.length + name.length);
  input.set(namespace);
  input.set(name, namespace.length);
  const hash = sha1(input).slice(0, 16);
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytesToHex(hash);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
