import { readFileSync } from 'node:fs';
import ipaddr from 'ipaddr.js';

const LISTEN = '0A';

/**
 * Does a program of this machine listen on the port, at this address or at all of them? Read from the kernel's table, without a
 * connection: a stray one ends some programs' start. Source: proc_pid_net(5), /proc/net/tcp.
 */
export function isListening(address: string, port: number, proc = '/proc/self/net'): boolean {
  const own = ipaddr.parse(address);
  return [...rows(`${proc}/tcp`), ...rows(`${proc}/tcp6`)].some(({ bound, at, state }) => {
    if (at !== port || state !== LISTEN) return false;
    const there = ipaddr.fromByteArray(bound);
    if (bound.every((byte) => byte === 0)) return there.kind() === 'ipv6' || own.kind() === 'ipv4';
    const plain = there.kind() === 'ipv6' && (there as ipaddr.IPv6).isIPv4MappedAddress() ? (there as ipaddr.IPv6).toIPv4Address() : there;
    return plain.toNormalizedString() === own.toNormalizedString();
  });
}

function* rows(path: string): Generator<{ bound: number[]; at: number; state: string }> {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch {
    return; // No IPv6 on this machine.
  }
  for (const line of text.split('\n').slice(1)) {
    const [, local = '', , state = ''] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    if (address === '') continue;
    yield { bound: bytesOf(address), at: Number.parseInt(port, 16), state };
  }
}

/** Words of 32 bits, each in the order of the host, which is little-endian wherever Node.js runs Linux. */
function bytesOf(hex: string): number[] {
  const words = hex.match(/.{8}/g) ?? [];
  return words.flatMap((word) => (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)));
}
