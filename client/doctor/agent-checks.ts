import ipaddr from 'ipaddr.js';
import type { Candidate } from '../../spec/candidates.js';
import type { HostStatus } from '../../spec/fleet.js';
import type { AgentFacts } from './ask-agents.js';
import { type Check, counted, ok, problem, some, warning } from './check.js';
import type { DoctorFacts } from './facts.js';
import { awayMs, seconds } from './server-checks.js';

const SKEW_MS = 1_000;
const GIB = 2 ** 30;
/** A node's output alone takes up to 256 MB. */
const DISK_LOW = { bytes: 2 * GIB, share: 0.05 };
const DISK_FULL_BYTES = 0.1 * GIB;

/** What the hosts' agents say of themselves, and whether they say anything. */
export function checkAgents(facts: DoctorFacts): Check[] {
  const { hosts, agents } = facts;
  if (hosts === 'unanswered' || hosts.length === 0) return [];
  return [checkAnswers(agents), checkVersions(hosts, agents), checkClocks(agents), checkAddresses(hosts), checkDisks(agents)];
}

function checkAnswers(agents: readonly AgentFacts[]): Check {
  const name = 'agents';
  const silent = agents.filter(({ answer }) => answer === 'silent');
  const unasked = agents.filter(({ answer }) => answer === 'unasked').length;
  const heard = agents.length - silent.length - unasked;
  const rest = unasked > 0 ? `; for ${unasked} there was no time to ask` : '';
  if (silent.length === 0) return ok(name, `${heard} of ${counted(agents.length, 'host')} answer${rest}`);
  const described = silent.map(({ host, seenAgoMs }) => (seenAgoMs === null ? host : `${host} (asked for work ${ago(seenAgoMs)} ago)`));
  const found = `${silent.length} of ${counted(agents.length, 'host')} ${silent.length === 1 ? 'does' : 'do'} not answer now: ${some(described)}${rest}`;
  const mend = 'on that machine: systemctl status muster-host, journalctl -u muster-host; a host that is gone for good needs nothing';
  return heard === 0 ? problem(name, found, mend) : warning(name, found, mend);
}

function checkVersions(hosts: readonly HostStatus[], agents: readonly AgentFacts[]): Check {
  const name = 'versions';
  const versions = groups(hosts, ({ version }) => version);
  const nodes = groups(
    agents.filter(({ machine }) => machine !== null),
    ({ machine }) => machine?.node ?? '',
  );
  const runtimes = nodes.length === 0 ? '' : `; Node.js ${nodes.map(([version, of]) => `${version} (${of.length})`).join(', ')}`;
  const found = `agents ${versions.map(([version, of]) => `${version} (${of.length})`).join(', ')}${runtimes}`;
  const [most, ...others] = versions;
  if (!most || others.length === 0) return ok(name, found);
  return warning(name, found, `bring all agents to one version; another has ${some(others.flatMap(([, of]) => of.map(({ host }) => host)))}`);
}

function checkClocks(agents: readonly AgentFacts[]): Check {
  const name = 'clocks';
  const known = agents.filter(({ aheadMs }) => aheadMs !== null);
  if (known.length === 0) return ok(name, 'not compared: no host tells its time');
  const off = known.filter(({ aheadMs }) => awayMs(aheadMs as { least: number; most: number }) > SKEW_MS);
  if (off.length === 0) return ok(name, `${counted(known.length, 'host')} agree with this machine’s within ${seconds(SKEW_MS)}, as far as can be measured`);
  const described = off.map(({ host, aheadMs }) => {
    const range = aheadMs as { least: number; most: number };
    return `${host} is ${seconds(awayMs(range))} ${range.least > 0 ? 'ahead' : 'behind'}`;
  });
  return warning(name, `${some(described)}: merged output is out of order`, 'set the clocks there by NTP (chronyc tracking, timedatectl)');
}

/** A host whose addresses lead nowhere, and addresses that two hosts have. */
function checkAddresses(hosts: readonly HostStatus[]): Check {
  const name = 'addresses';
  const [first] = hosts;
  const onLoopback = hosts.filter(({ address }) => isLoopback(address));
  if (hosts.length > 1 && onLoopback.length > 0 && onLoopback.length < hosts.length) {
    const mend = `start the agent with --address, --network or --interface: muster host --address …`;
    return warning(name, `${some(onLoopback.map(({ host, address }) => `${host} (${address})`))} can only be reached from the same machine`, mend);
  }
  const same = groups(
    hosts.filter(({ told }) => told.address !== null || onLoopback.length < hosts.length),
    ({ address }) => address,
  ).filter(([, of]) => of.length > 1);
  const [twice] = same;
  if (twice) {
    const names = some(twice[1].map(({ host }) => host));
    return warning(
      name,
      `${twice[0]} is the address of ${names}`,
      'give each host an address of its own (--address, --network); two agents of one machine cannot be in one run',
    );
  }
  const local = hosts.filter(({ candidates, told }) => told.address === null && candidates.length > 0 && candidates.every(leadsNowhere));
  if (local.length > 0 && hosts.length > 1 && onLoopback.length < hosts.length) {
    return warning(
      name,
      `${some(local.map(({ host }) => host))} has loopback or link-local addresses only`,
      'connect it to the network of the others, or give it --address',
    );
  }
  if (hosts.length === 1) return ok(name, `${first?.host} has ${first?.address}`);
  if (onLoopback.length === hosts.length) return ok(name, `all ${hosts.length} hosts are on loopback: they must be one machine`);
  return ok(name, `${counted(hosts.length, 'host')}, each with an address of its own; muster plan FILE says which a task would use`);
}

function leadsNowhere({ kind }: Candidate): boolean {
  return kind === 'loopback' || kind === 'link-local';
}

function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.parse(address).range() === 'loopback';
}

function checkDisks(agents: readonly AgentFacts[]): Check {
  const name = 'disks';
  const known = agents.flatMap(({ host, machine }) => (machine?.disk ? [{ host, ...machine.disk }] : []));
  if (known.length === 0) return ok(name, 'not known: no host tells');
  const describe = ({ host, path, freeBytes, freeFiles, totalFiles }: (typeof known)[number]) =>
    totalFiles > 0 && freeFiles / totalFiles < DISK_LOW.share
      ? `${host} has no room for more files at ${path}`
      : `${host} has ${gib(freeBytes)} free at ${path}`;
  const isLow = ({ freeBytes, totalBytes, freeFiles, totalFiles }: (typeof known)[number]) =>
    freeBytes < Math.min(DISK_LOW.bytes, totalBytes * DISK_LOW.share) ||
    freeBytes < DISK_FULL_BYTES ||
    (totalFiles > 0 && freeFiles / totalFiles < DISK_LOW.share);
  const low = known.filter(isLow).sort((a, b) => a.freeBytes - b.freeBytes);
  const least = Math.min(...known.map(({ freeBytes }) => freeBytes));
  if (low.length === 0) return ok(name, `${counted(known.length, 'data directory').replace('directorys', 'directories')} with ${gib(least)} free or more`);
  const mend = 'make room there, or keep less: muster host --keep 1d --output-cap 64MB, or --data on a larger file system';
  const full = low.filter(({ freeBytes }) => freeBytes < DISK_FULL_BYTES);
  if (full.length > 0) return problem(name, `${some(full.map(describe))}: nodes cannot be prepared`, mend);
  return warning(name, some(low.map(describe)), mend);
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

function ago(ms: number): string {
  return ms < 90_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`;
}

/** Items by a word that they share, the largest group first. */
function groups<T>(items: readonly T[], wordOf: (item: T) => string): [string, T[]][] {
  const found = new Map<string, T[]>();
  for (const item of items) found.set(wordOf(item), [...(found.get(wordOf(item)) ?? []), item]);
  return [...found].sort(([, a], [, b]) => b.length - a.length);
}
