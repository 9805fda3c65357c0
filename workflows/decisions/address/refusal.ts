import type { Candidate } from '../../../spec/candidates.js';
import { DOUBT } from '../../../spec/candidates.js';
import type { Failure } from '../../../spec/failures.js';
import type { AddressWish, HostOptions, Option } from './options.js';

/** Why no choice was possible, naming the hosts and what they have: the failure of those that is nearest to what a person can change. */
export function describeRefusal(unordered: readonly HostOptions[], taken: readonly { host: string; option: Option }[], avoiding: boolean): Failure {
  const hosts = [...unordered].sort((a, b) => (a.host < b.host ? -1 : 1));
  const without = hosts.filter(({ options }) => options.length === 0);
  const told = without.filter(({ given }) => given !== null);
  if (told.length > 0) {
    const who = told.map(
      ({ host, given, candidates }) => `${host} was started with --address ${given}, which it does not have; it has ${describeAll(candidates)}`,
    );
    return notFound(`${capped(who, '; ')}. Start the agent with an address of its machine`);
  }
  const wish = without.flatMap((host) => (host.wish ? [describeWish(host.wish)] : []))[0];
  if (wish) return notFound(`No address ${wish} on ${these(without.filter((host) => host.wish && describeWish(host.wish) === wish))}`);
  const unreachable = hosts.filter(({ options }) => !options.some(isUsable));
  if (unreachable.length > 0) return notFound(`No address that other hosts could reach on ${these(unreachable)}. ${ADVICE}`);
  return duplicate(hosts, taken) ?? misfit(hosts, avoiding);
}

const ADVICE = 'Start the agents with --address, --network or --interface';

function duplicate(hosts: readonly HostOptions[], taken: readonly { host: string; option: Option }[]): Failure | null {
  const gone = new Set(taken.map(({ option }) => option));
  const bare = hosts.map(({ options }) => options.filter(isUsable)).filter((options) => options.every((option) => gone.has(option)));
  const best = new Set(bare.flatMap((options) => options.sort((a, b) => a.doubt - b.doubt || a.place - b.place)[0]?.bits ?? []));
  const twins = [...best].map((bits) => {
    const holders = taken.filter(({ option }) => option.bits === bits);
    const names = [...new Set(holders.map(({ host }) => host))].sort();
    return `Hosts ${joined(names)} have the same address ${holders[0]?.option.candidate.address}`;
  });
  if (twins.length === 0) return null;
  const advice = 'Give each an address of its own, or name another with `muster host --address`';
  return { type: 'DuplicateAddress', message: `${capped(twins.sort(), '; ')}, and nothing else that others could reach. ${advice}` };
}

function misfit(hosts: readonly HostOptions[], avoiding: boolean): Failure {
  const local = hosts.filter(({ options }) => options.every(({ doubt }) => doubt >= DOUBT.loopback));
  if (local.length > 0 && local.length < hosts.length) {
    const rest = hosts.filter((host) => !local.includes(host));
    return notFound(`Only its own machine reaches what ${these(local)} was told; the run has ${these(rest)} too`);
  }
  const families = [4, 6].filter((family) => hosts.every(({ options }) => options.some(({ candidate }) => candidate.family === family)));
  if (families.length === 0) {
    const only = (family: 4 | 6) => hosts.filter(({ options }) => options.every(({ candidate }) => candidate.family === family));
    return notFound(`All hosts need addresses of one family: IPv4 only on ${these(only(4))}; IPv6 only on ${these(only(6))}`);
  }
  const why = avoiding ? 'No choice is left in which all hosts were not proven unreachable for each other' : 'No choice of addresses fits all hosts';
  return notFound(`${why}: ${these(hosts)}. ${ADVICE}`);
}

function isUsable({ doubt, asked }: Option): boolean {
  return asked || doubt <= DOUBT.veth;
}

function notFound(message: string): Failure {
  return { type: 'AddressNotFound', message };
}

/** `in network 10.0.0.0/24 on interface eth0`. */
export function describeWish({ network, interface: name }: AddressWish): string {
  return [network === null ? '' : `in network ${network}`, name === null ? '' : `on interface ${name}`].filter(Boolean).join(' ');
}

function these(hosts: readonly HostOptions[]): string {
  const inOrder = [...hosts].sort((a, b) => (a.host < b.host ? -1 : 1));
  return capped(
    inOrder.map(({ host, candidates }) => `${host} (${describeAll(candidates)})`),
    ', ',
  );
}

function describeAll(candidates: readonly Candidate[]): string {
  const words = candidates.map(({ address, prefixLength, interface: name, up }) => `${address}/${prefixLength} on ${name}${up ? '' : ', down'}`);
  return words.length === 0 ? 'none at all' : capped(words, ', ');
}

function joined(names: string[]): string {
  return names.length <= MOST_NAMED ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : capped(names, ', ');
}

// A message stands in the history and in listings, whatever the number of hosts.
function capped(words: string[], by: string): string {
  return words.slice(0, MOST_NAMED).join(by) + (words.length > MOST_NAMED ? `${by}and ${words.length - MOST_NAMED} more` : '');
}

const MOST_NAMED = 6;
