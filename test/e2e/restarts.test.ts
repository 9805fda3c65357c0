import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Machines, readLines, startMachines } from '../helpers/machines.js';
import { processesOf, statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

const HOSTS = ['host-1', 'host-2', 'host-3', 'host-4'];

let machines: Machines;
let agents: Map<string, ChildProcess>;
beforeAll(async () => {
  machines = await startMachines(50, []);
  agents = new Map();
  for (const name of HOSTS) agents.set(name, await machines.startHost(name));
});
afterAll(() => machines.stop());

const agentOf = (host: string | undefined) => agents.get(host ?? '') ?? expect.fail(`no agent ${host}`);

/** Says who and how it was started, and with which list; then runs until a file appears. */
function sayAndWait(out: string): string {
  const say = 'echo "$MUSTER_GENERATION $DSTACK_NODE_RANK $MUSTER_START_NUMBER $MUSTER_START_REASON $(echo "$DSTACK_NODES_IPS" | tr "\\n" ,)"';
  return `${say} >> ${out}; echo $$ > ${out}-pid-$DSTACK_NODE_RANK; until [ -e ${out}-end ]; do sleep 0.05; done`;
}

it('starts all nodes again with a new generation when one is killed, and none of the old lives on', async () => {
  const out = join(machines.dir, 'all');
  const run = await machines.start({ nodes: 3, shell: 'sh', stop_duration: 2, restart: 2, commands: [sayAndWait(out)] });
  const { runId } = await untilPhase(machines.client, run, 'running');
  await until(() => readLines(out).length, 3);
  const old = processesOf(runId);
  process.kill(Number(readLines(`${out}-pid-1`)[0]), 'SIGKILL');
  await until(() => readLines(out).length, 6, 10_000);
  const { generation, restarts, failures } = await untilPhase(machines.client, run, 'running');
  expect([generation, restarts, failures.map(({ rank, type }) => [rank, type])]).toEqual([2, 1, [[1, 'CommandFailed']]]);
  expect(failures[0]?.message).toMatch(
    /^Node 1 on host-2 ended with 137 \(SIGKILL, or exit 137\) in generation 1; all nodes start again, 1 of 2 restarts left$/,
  );
  expect(processesOf(runId).filter((pid) => old.includes(pid))).toEqual([]);
  const list = readLines(out)[0]?.split(' ')[4];
  expect(readLines(out).sort()).toEqual([0, 1, 2].flatMap((rank) => [`1 ${rank} 1 first ${list}`, `2 ${rank} 2 restart ${list}`]).sort());
  machines.touch(`${out}-end`);
  await untilPhase(machines.client, run, 'succeeded');
  await untilNothingLeft(runId);
});

it('starts one node again alone, with the same list, and leaves the others alone', async () => {
  const out = join(machines.dir, 'one');
  const run = await machines.start({ nodes: 3, shell: 'sh', restart: { scope: 'node' }, commands: [sayAndWait(out)] });
  const { runId } = await untilPhase(machines.client, run, 'running');
  await until(() => readLines(out).length, 3);
  const pids = [0, 1, 2].map((rank) => readLines(`${out}-pid-${rank}`)[0]);
  process.kill(Number(pids[0]), 'SIGKILL');
  await until(() => readLines(out).length, 4, 10_000);
  const { generation, restarts, nodes } = await until(
    () => statusOf(machines.client, run),
    (seen) => seen.nodes[0]?.startNumber === 2,
  );
  expect([generation, restarts, nodes.map(({ startNumber }) => startNumber)]).toEqual([1, 1, [2, 1, 1]]);
  const list = readLines(out)[0]?.split(' ')[4];
  expect(readLines(out).at(-1)).toBe(`1 0 2 restart ${list}`);
  expect([1, 2].map((rank) => readLines(`${out}-pid-${rank}`)[0])).toEqual(pids.slice(1));
  // Its own agent and the control worker may go meanwhile.
  await machines.kill(agentOf('host-1'));
  agents.set('host-1', await machines.startHost('host-1'));
  machines.touch(`${out}-end`);
  expect((await untilPhase(machines.client, run, 'succeeded')).generation).toBe(1);
  await untilNothingLeft(runId);
});

it('ends a program that hangs by its health check, says what the check said, and starts it again', async () => {
  const out = join(machines.dir, 'hangs');
  const health = { command: `test ! -e ${out}-hangs || { echo "queue is stuck"; exit 3; }`, interval: '1s', failures: 2 };
  const run = await machines.start({ nodes: 2, shell: 'sh', stop_duration: 1, restart: { scope: 'node' }, health, commands: [sayAndWait(out)] });
  await untilPhase(machines.client, run, 'running');
  machines.touch(`${out}-hangs`);
  const { failures } = await until(
    () => statusOf(machines.client, run),
    (seen) => seen.failures.length >= 2,
    20_000,
  );
  expect(failures.map(({ type }) => type).slice(0, 2)).toEqual(['Unhealthy', 'Unhealthy']);
  expect(failures[0]?.message).toMatch(
    /^Node \d on host-\d failed in generation 1: its health check failed 2 times in a row: the command ended with code 3; its last output: queue is stuck; it starts again, 2 of 3 restarts of this node left$/,
  );
  await machines.client.workflow.getHandle(run).cancel();
  await untilNothingLeft((await untilPhase(machines.client, run, 'cancelled')).runId);
});

it('takes another host for one whose agent is frozen, and the frozen one ends its old process when it thaws', async () => {
  const out = join(machines.dir, 'frozen');
  const task = { nodes: 3, shell: 'sh', stop_duration: 1, host_timeout: '5s', on_host_loss: 'replace', commands: [sayAndWait(out)] };
  const run = await machines.start(task);
  const { nodes, runId } = await untilPhase(machines.client, run, 'running');
  await until(() => readLines(out).length, 3);
  const host = nodes[1]?.host ?? '';
  const frozen = agentOf(host);
  const orphan = Number(readLines(`${out}-pid-1`)[0]);
  frozen.kill('SIGSTOP');
  try {
    const { losses, nodes: now } = await until(
      () => statusOf(machines.client, run),
      (seen) => seen.generation === 2 && seen.phase === 'running',
      20_000,
    );
    expect([losses, now.map((node) => node.host)]).toEqual([1, [nodes[0]?.host, 'host-4', nodes[2]?.host]]);
    expect(readLines(out).filter((line) => line.startsWith('2 1 1 replaced '))).toHaveLength(1);
  } finally {
    frozen.kill('SIGCONT');
  }
  await until(() => processesOf(runId).includes(orphan), false, 20_000);
  machines.touch(`${out}-end`);
  await untilPhase(machines.client, run, 'succeeded');
  await untilNothingLeft(runId);
});

it('goes on with the same hosts in a new generation when an agent has lost its data directory', async () => {
  const out = join(machines.dir, 'lost-state');
  const run = await machines.start({ nodes: 2, shell: 'sh', stop_duration: 1, restart: 3, host_timeout: '10s', commands: [sayAndWait(out)] });
  const { nodes, runId } = await untilPhase(machines.client, run, 'running');
  await until(() => readLines(out).length, 2);
  const host = nodes[1]?.host ?? '';
  await machines.kill(agentOf(host));
  machines.loseData(host);
  agents.set(host, await machines.startHost(host));
  const { failures } = await until(
    () => statusOf(machines.client, run),
    (seen) => seen.generation === 2 && seen.phase === 'running',
    30_000,
  );
  expect(failures.map(({ type }) => type)).toEqual(['HostStateLost']);
  machines.touch(`${out}-end`);
  await untilPhase(machines.client, run, 'succeeded');
  await untilNothingLeft(runId);
});
