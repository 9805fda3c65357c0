import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fleetWorkflowId } from '../../spec/ids.js';
import { hosts as hostsQuery } from '../../spec/messages.js';
import { readLines } from '../helpers/machines.js';
import { leftHere, missingForNamespaces } from '../helpers/namespaces.js';
import { CONTROL, NetworkedMachines } from '../helpers/networked-machines.js';
import { processesOf, statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { onLan } from '../helpers/stations.js';
import { until } from '../helpers/until.js';

const missing = missingForNamespaces();
if (missing !== undefined) console.warn(`\nNOT TESTED: hosts that are cut off from Temporal or from each other, since ${missing}.\n`);

describe.skipIf(missing !== undefined)('a host that is cut off', () => {
  let machines: NetworkedMachines;
  const names = ['part-1', 'part-2', 'part-3', 'part-4'];
  beforeAll(async () => {
    machines = await NetworkedMachines.start();
    await machines.addHosts(names.map((name, i) => onLan(name, i + 1)));
  });
  // A host that was cut off is used again once it was heard.
  beforeEach(async () => {
    const fleet = machines.client.workflow.getHandle(fleetWorkflowId('default'));
    await until(
      () => fleet.query(hostsQuery),
      (hosts) => hosts.every(({ state }) => state === 'free'),
      60_000,
    );
  });
  afterEach(() => machines.faults.healAll());
  afterAll(async () => {
    await machines?.stop();
    expect(leftHere()).toEqual([]);
  });

  /** Runs on these hosts until a file appears, and says which generation it is of. */
  const start = async (name: string, more: Record<string, unknown>) => {
    const out = join(machines.dir, name);
    const script = `echo "$MUSTER_GENERATION $MUSTER_HOST $MUSTER_START_NUMBER $$" >> ${out}; until [ -e ${out}-end-$DSTACK_NODE_RANK ]; do sleep 0.05; done`;
    const task = { shell: 'sh', host_timeout: '5s', stop_duration: '1s', commands: [script, `exit $(cat ${out}-end-$DSTACK_NODE_RANK)`], ...more };
    const run = await machines.start(task);
    const { runId } = await untilPhase(machines.client, run, 'running');
    await until(() => readLines(out).length, 3);
    const end = (rank: number) => machines.touch(`${out}-end-${rank}`);
    return {
      run,
      runId,
      out,
      end,
      pidOf: (host: string) =>
        Number(
          readLines(out)
            .find((line) => line.includes(` ${host} `))
            ?.split(' ')[3],
        ),
    };
  };
  const status = (run: string) => statusOf(machines.client, run);

  it('from Temporal alone goes on as long as its peers reach it, and is heard again when the way is back', async () => {
    const { run, runId, end, pidOf } = await start('spared', { hosts: names.slice(0, 3) });
    const heal = await machines.faults.cutFrom('part-2', CONTROL);
    await until(
      () => status(run),
      ({ nodes }) => nodes[1]?.state === 'silent',
      10_000,
    );
    const since = performance.now();
    await until(
      () => performance.now() - since,
      (passedMs) => passedMs > 8_000,
      10_000,
    );
    expect(await status(run)).toMatchObject({ phase: 'running', generation: 1, failures: [] });
    expect(processesOf(runId)).toContain(pidOf('part-2'));
    await heal();
    await until(
      () => status(run),
      ({ nodes }) => nodes[1]?.state === 'running',
      30_000,
    );
    for (const rank of [0, 1, 2]) end(rank);
    expect(await untilPhase(machines.client, run, 'succeeded')).toMatchObject({ generation: 1, restarts: 0, losses: 0 });
  });

  it('from Temporal alone tells by its peers how its program ended', async () => {
    const { run, end } = await start('relayed', { hosts: names.slice(0, 3) });
    await machines.faults.cutFrom('part-3', CONTROL);
    await until(
      () => status(run),
      ({ nodes }) => nodes[2]?.state === 'silent',
      10_000,
    );
    for (const rank of [0, 1, 2]) end(rank);
    expect(await untilPhase(machines.client, run, 'succeeded', 15_000)).toMatchObject({ generation: 1, failures: [] });
  });

  it('from Temporal alone ends its program by itself with fencing strict, and another takes its place', async () => {
    const { run, runId, out, end, pidOf } = await start('strict', { nodes: 3, fencing: 'strict', on_host_loss: 'replace' });
    const old = pidOf('part-2');
    await machines.faults.cutFrom('part-2', CONTROL);
    await until(() => processesOf(runId).includes(old), false, 15_000);
    const { nodes, losses, failures } = await until(
      () => status(run),
      (seen) => seen.generation === 2 && seen.phase === 'running',
      40_000,
    );
    expect([nodes.map(({ host }) => host), losses, failures.map(({ type }) => type)]).toEqual([['part-1', 'part-4', 'part-3'], 1, ['Fenced']]);
    expect(readLines(out).filter((line) => line.startsWith('2 '))).toHaveLength(3);
    await machines.faults.healAll();
    for (const rank of [0, 1, 2]) end(rank);
    await untilPhase(machines.client, run, 'succeeded');
    await untilNothingLeft(runId);
  });

  it('from everything is replaced, and rank 0 has it end what it still runs as soon as it is reached', async () => {
    const { run, runId, end, pidOf } = await start('fenced', { nodes: 3, on_host_loss: 'replace' });
    const old = pidOf('part-2');
    const heal = await machines.faults.cut('part-2');
    await until(
      () => status(run),
      (seen) => seen.generation === 2 && seen.phase === 'running',
      30_000,
    );
    expect(processesOf(runId)).toContain(old);
    // Temporal stays out of its reach: only rank 0's agent can tell it.
    await machines.faults.cutFrom('part-2', CONTROL);
    await heal();
    await until(() => processesOf(runId).includes(old), false, 15_000);
    for (const rank of [0, 1, 2]) end(rank);
    await untilPhase(machines.client, run, 'succeeded');
    await machines.faults.healAll();
    await untilNothingLeft(runId);
  });
});
