import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readLines } from '../helpers/machines.js';
import { leftHere, missingForNamespaces } from '../helpers/namespaces.js';
import { NetworkedMachines } from '../helpers/networked-machines.js';
import { processesOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { onLan, type Station } from '../helpers/stations.js';

const missing = missingForNamespaces();
if (missing !== undefined) console.warn(`\nNOT TESTED: runs on networks of several machines, since ${missing}.\n`);

describe.skipIf(missing !== undefined)('machines with networks of their own', () => {
  let machines: NetworkedMachines;
  const plain = [1, 2, 3].map((number) => onLan(`plain-${number}`, number));
  beforeAll(async () => {
    machines = await NetworkedMachines.start();
    await machines.addHosts(plain);
  });
  afterEach(() => machines.faults.healAll());
  afterAll(async () => {
    await machines?.stop();
    expect(leftHere()).toEqual([]);
  });

  /** The lists that the nodes of a run on these hosts print, each on one line. */
  async function listsOn(hosts: Station[]): Promise<string[][]> {
    const out = join(machines.dir, `lists-${hosts[0]?.name}`);
    const run = await machines.start({ hosts: namesOf(hosts), commands: [`echo $DSTACK_NODES_IPS > ${out}-$DSTACK_NODE_RANK`] });
    await untilPhase(machines.client, run, 'succeeded');
    return hosts.map((_, rank) => readLines(`${out}-${rank}`));
  }

  it('gives every node the same list of addresses', async () => {
    const list = ['10.77.0.1 10.77.0.2 10.77.0.3'];
    expect(await listsOn(plain)).toEqual([list, list, list]);
  });

  it('offers the address that others can reach when every machine has the same docker0', async () => {
    const hosts = [11, 12, 13].map((number) => onLan(`docker-${number}`, number, { docker: number === 13 ? 'idle' : 'busy' }));
    await machines.addHosts(hosts);
    const list = ['10.77.0.11 10.77.0.12 10.77.0.13'];
    expect(await listsOn(hosts)).toEqual([list, list, list]);
    await machines.removeHosts(namesOf(hosts));
  });

  it('takes the addresses from the fabric that --network names when machines have two', async () => {
    const hosts = [21, 22, 23].map((number) => withFastFabric(onLan(`fabrics-${number}`, number, { defaultVia: ['10.77.0.254'] }), number));
    await machines.addHosts(hosts, ['--network', '10.88.0.0/24']);
    const list = ['10.88.0.21 10.88.0.22 10.88.0.23'];
    expect(await listsOn(hosts)).toEqual([list, list, list]);
    await machines.removeHosts(namesOf(hosts));
  });

  it('fails the run and names the host when a host is cut off for host_timeout, and leaves nothing on it once it is back', async () => {
    const run = await machines.start({ hosts: namesOf(plain), host_timeout: '5s', stop_duration: '1s', commands: ['sleep 1000'] });
    const { runId } = await untilPhase(machines.client, run, 'running');
    const heal = await machines.faults.cut('plain-2');
    const { reason, message } = await untilPhase(machines.client, run, 'failed');
    expect([reason, message]).toEqual(['HostLost', expect.stringContaining('Node 1 on plain-2 failed')]);
    expect(processesOf(runId).length, 'nobody could reach what runs on plain-2').toBeGreaterThan(0);
    await heal();
    await untilNothingLeft(runId, 20_000);
  });
});

function namesOf(hosts: Station[]): string[] {
  return hosts.map(({ name }) => name);
}

function withFastFabric(station: Station, number: number): Station {
  return { ...station, links: [...station.links, { fabric: 'fast', interface: 'ib0', addresses: [`10.88.0.${number}/24`] }] };
}
