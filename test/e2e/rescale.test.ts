import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StopNodeInput, StopNodeResult } from '../../spec/activities.js';
import { hostQueue } from '../../spec/ids.js';
import { type Machines, muster, readLines, startMachines } from '../helpers/machines.js';
import { processesOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(16, ['host-1', 'host-2', 'host-3', 'host-4', 'host-5']);
});
afterAll(() => machines.stop());

const list = (nodes: number) => Array.from({ length: nodes }, (_, i) => `127.16.0.${i + 1}`).join(',');
const ROLL_CALL = 'echo "$MUSTER_GENERATION $DSTACK_NODE_RANK $DSTACK_NODES_NUM $MUSTER_START_REASON $(echo "$DSTACK_NODES_IPS" | tr "\\n" ,)"';

it('grows from three to five and shrinks to two, each time with one list that all nodes print', async () => {
  const out = join(machines.dir, 'lists');
  const script = `${ROLL_CALL} | sed 's/,$//' | tee -a ${out}; exec sleep 1000`;
  await muster(['run', '-n', '3', '--id', 'grows', '--detach', '--', script], machines.env);
  const { runId } = await untilPhase(machines.client, 'grows', 'running');
  const following = muster(['logs', '-f', '--raw', 'grows'], machines.env);
  await until(() => readLines(out).length, 3);
  const grown = await muster(['scale', 'grows', '5', '--json'], machines.env);
  // What it waited for in between is seen only if a look falls into that moment, so it is not asked for.
  expect(grown.code).toBe(0);
  expect(JSON.parse(grown.stdout)).toMatchObject({ generation: 2, nodesWanted: 5, phase: 'running' });
  await until(() => readLines(out).length, 8);
  const leavers = processesOf(runId);
  const shrunk = await muster(['scale', 'grows', '2'], machines.env);
  expect([shrunk.code, shrunk.stderr]).toEqual([0, expect.stringContaining('grows has 2 nodes in generation 3')]);
  await until(() => readLines(out).length, 10);
  const expected = [
    ...[0, 1, 2].map((rank) => `1 ${rank} 3 first ${list(3)}`),
    ...[0, 1, 2, 3, 4].map((rank) => `2 ${rank} 5 rescale ${list(5)}`),
    ...[0, 1].map((rank) => `3 ${rank} 2 rescale ${list(2)}`),
  ];
  expect(readLines(out).sort()).toEqual(expected);
  expect(processesOf(runId).filter((pid) => leavers.includes(pid))).toEqual([]);
  const { stdout } = await muster(['hosts', '--json'], machines.env);
  const states = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).state);
  expect(states).toEqual(['held', 'held', 'free', 'free', 'free']);
  const past = await muster(['logs', '--raw', 'grows'], machines.env);
  expect(past.stdout.trim().split('\n').sort()).toEqual(expected);
  await muster(['stop', 'grows', '--now'], machines.env);
  expect((await following).stdout.trim().split('\n').sort()).toEqual(expected);
  await untilNothingLeft(runId);
});

it('spares the newer start of a seat when the stop of an older generation comes late', async () => {
  const out = join(machines.dir, 'spared');
  const run = await machines.start({ nodes: 2, commands: [`echo $MUSTER_GENERATION >> ${out}`, 'exec sleep 1000'] });
  const { runId, name } = await untilPhase(machines.client, run, 'running');
  await muster(['scale', run, '1'], machines.env);
  await until(() => readLines(out), ['1', '1', '2']);
  const living = processesOf(runId).sort();
  const [host] = JSON.parse(`[${(await muster(['hosts', '--json'], machines.env)).stdout.trim().split('\n').join(',')}]`);
  const stop: StopNodeInput = {
    ...{ host: host.host, identity: host.identity, run: { handle: run, runId, name, fleet: 'default' } },
    ...{ generation: 1, gathering: 'the cell of generation 1', stopSignal: 'SIGKILL', graceSeconds: 0 },
  };
  const late = () =>
    machines.client.activity.execute<StopNodeResult>('stopNode', {
      ...{ id: 'late-stop', taskQueue: hostQueue('default', host.host), args: [stop] },
      scheduleToCloseTimeout: 10_000,
    });
  expect(await late()).toEqual({ clean: true });
  expect(processesOf(runId).sort()).toEqual(living);
  await muster(['stop', run, '--now'], machines.env);
  await untilNothingLeft(runId);
});

it('refuses with the reason, and leaves the run as it is', async () => {
  const run = await machines.start({ hosts: ['host-1', 'host-2'], commands: ['exec sleep 1000'] });
  await untilPhase(machines.client, run, 'running');
  const refused = await muster(['scale', run, '3'], machines.env);
  expect([refused.code, refused.stderr.trim()]).toEqual([1, `${run} cannot be rescaled: the task names 2 hosts, so it cannot have 3 nodes`]);
  await muster(['stop', run, '--now'], machines.env);
  const late = await muster(['scale', run, '2'], machines.env);
  expect([late.code, late.stderr.trim()]).toEqual([1, `The run ${run} has ended already`]);
});
