import type { LeaseRequested } from '../../spec/messages.js';
import { type FleetHost, listHosts } from './lease.js';
import { asCell, asLink, asPage, asText } from './markdown.js';

/** More are not looked at, at every grant. */
const ROWS = 100;
const WAITING = 10;

/** What the Temporal Web UI shows of a fleet: Markdown, who waits for how many hosts, and who holds which. */
export function describeFleet(
  { fleet, hosts, queue }: { fleet: string; hosts: readonly FleetHost[]; queue: readonly Pick<LeaseRequested, 'run' | 'parts' | 'extra'>[] },
  namespace: string,
): string {
  const held = hosts.filter(({ lease }) => lease !== null).length;
  const head = `Fleet **${asText(fleet)}**: ${counted(hosts.length)}, of which runs hold ${held}`;
  const waiting = queue.slice(0, WAITING).map(({ run, parts, extra }) => {
    const nodes = parts.reduce((sum, part) => sum + part.nodes, 0);
    return `- ${asLink(namespace, run.handle)} waits for ${extra ? `up to ${nodes} more hosts` : counted(nodes)}`;
  });
  const others = queue.length > WAITING ? [`- and ${queue.length - WAITING} more`] : [];
  const rows = listHosts(hosts.slice(0, ROWS)).map(({ host, address, state, cpus, gpus, lease }) => [
    ...[asCell(host), asCell(address), state, String(cpus), String(gpus)],
    lease === null ? '–' : asLink(namespace, lease.handle),
  ]);
  const more = (rest: number) => `and ${rest + Math.max(0, hosts.length - ROWS)} more: \`muster hosts\``;
  const before = [head, ...(waiting.length > 0 ? [[...waiting, ...others].join('\n')] : [])];
  return asPage(before, { head: ['host', 'address', 'state', 'cpus', 'gpus', 'run'], rows, more }, []).text;
}

function counted(hosts: number): string {
  return `${hosts} host${hosts === 1 ? '' : 's'}`;
}
