import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readProcess } from '../../activities/process/identity.js';
import { fleetWorkflowId } from '../../spec/ids.js';
import { hosts as hostsQuery } from '../../spec/messages.js';
import { type Machines, readLines, startMachines } from '../helpers/machines.js';
import { processesOf, statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

let machines: Machines;
let agents: Map<string, ChildProcess>;
beforeAll(async () => {
  machines = await startMachines(13, []);
  agents = new Map();
  for (const name of ['host-1', 'host-2', 'host-3']) agents.set(name, await machines.startHost(name));
});
afterAll(() => machines.stop());

async function killAgent(name: string): Promise<void> {
  const agent = agents.get(name);
  if (!agent) throw new Error(`no agent ${name}`);
  await machines.kill(agent);
}

async function restartAgent(name: string): Promise<void> {
  agents.set(name, await machines.startHost(name));
}

/** A program that counts into a file of its rank until another file appears, then exits with 0. */
function counter(out: string): string {
  return `echo $$ > ${out}-pid-$DSTACK_NODE_RANK; i=0; until [ -e ${out}-end ]; do i=$((i+1)); echo $i >> ${out}-$DSTACK_NODE_RANK; sleep 0.05; done`;
}

const lastCount = (path: string) => Number(readLines(path).at(-1) ?? 0);

it('lets the program live on when its agent is killed, and a successor carries on with it', async () => {
  const out = join(machines.dir, 'adopted');
  const run = await machines.start({ nodes: 3, shell: 'sh', commands: [counter(out)] });
  const { nodes, runId } = await untilPhase(machines.client, run, 'running');
  const host = nodes[1]?.host ?? '';
  await until(
    () => lastCount(`${out}-1`),
    (count) => count > 0,
  );
  const pid = Number(readLines(`${out}-pid-1`)[0]);
  const before = readProcess(pid);
  await killAgent(host);
  await restartAgent(host);
  const seen = lastCount(`${out}-1`);
  await until(
    () => lastCount(`${out}-1`),
    (count) => count > seen + 3,
  );
  expect(readProcess(pid)?.startTime).toBe(before?.startTime);
  machines.touch(`${out}-end`);
  const { generation, nodes: ended } = await untilPhase(machines.client, run, 'succeeded');
  expect(generation).toBe(1);
  expect(ended.map(({ exitCode, startNumber }) => [exitCode, startNumber])).toEqual([
    [0, 1],
    [0, 1],
    [0, 1],
  ]);
  const counts = readLines(`${out}-1`).map(Number);
  expect(counts).toEqual(counts.map((_, i) => i + 1));
  await untilNothingLeft(runId);
});

it('does not lose an exit while no agent is there', async () => {
  const out = join(machines.dir, 'unseen');
  const run = await machines.start({
    nodes: 2,
    shell: 'sh',
    commands: [`if [ $DSTACK_NODE_RANK = 1 ]; then until [ -e ${out} ]; do sleep 0.05; done; exit 9; fi; sleep 1000`],
  });
  const { nodes, runId } = await untilPhase(machines.client, run, 'running');
  const host = nodes[1]?.host ?? '';
  await killAgent(host);
  machines.touch(out);
  await until(
    () => processesOf(runId).length,
    (left) => left <= 4,
  );
  await restartAgent(host);
  const { message, generation } = await untilPhase(machines.client, run, 'failed');
  expect(message).toContain(`Node 1 on ${host} exited with code 9 in generation 1`);
  expect(generation).toBe(1);
  await untilNothingLeft(runId);
});

it('goes on after the control worker was killed and another is there', async () => {
  const out = join(machines.dir, 'control');
  const run = await machines.start({ nodes: 2, shell: 'sh', commands: [counter(out)] });
  await untilPhase(machines.client, run, 'running');
  await machines.kill(machines.control);
  machines.touch(`${out}-end`);
  machines.startControl();
  const { generation } = await untilPhase(machines.client, run, 'succeeded');
  expect(generation).toBe(1);
});

it('never has two live processes of a seat, nor an old exit code, after a reset to an early event', async () => {
  const out = join(machines.dir, 'reset');
  const run = await machines.start({
    nodes: 2,
    shell: 'sh',
    stop_duration: 2,
    commands: [`echo $$ >> ${out}-$DSTACK_NODE_RANK; until [ -e ${out}-end ]; do sleep 0.05; done`],
  });
  const { runId } = await untilPhase(machines.client, run, 'running');
  const { events } = await machines.client.workflow.getHandle(run).fetchHistory();
  const firstTask = events?.find((event) => event.workflowTaskCompletedEventAttributes)?.eventId;
  const { runId: execution } = await machines.client.workflow.getHandle(run).describe();
  await machines.client.workflowService.resetWorkflowExecution({
    ...{ namespace: 'default', workflowExecution: { workflowId: run, runId: execution }, reason: 'test' },
    ...{ workflowTaskFinishEventId: firstTask ?? null, requestId: 'reset-once' },
  });
  const { generation } = await until(
    () => statusOf(machines.client, run),
    (seen) => seen.phase === 'running' && seen.generation > 1,
    40_000,
  );
  expect(generation).toBe(2);
  const shims = 2;
  const perNode = 3; // shim, program, its sleep
  await until(
    () => processesOf(runId).length,
    (count) => count <= shims * perNode,
    5_000,
  );
  const alive = [0, 1].map(
    (rank) =>
      readLines(`${out}-${rank}`)
        .map(Number)
        .filter((pid) => readProcess(pid)?.state !== undefined).length,
  );
  expect(alive).toEqual([1, 1]);
  machines.touch(`${out}-end`);
  const { nodes } = await untilPhase(machines.client, run, 'succeeded');
  expect(nodes.map(({ exitCode, startNumber }) => [exitCode, startNumber])).toEqual([
    [0, 2],
    [0, 2],
  ]);
  await untilNothingLeft(runId);
});

it('passes over a host that does not answer, and uses another', async () => {
  await killAgent('host-1');
  const run = await machines.start({ nodes: 2, commands: ['true'] });
  const { nodes } = await untilPhase(machines.client, run, 'succeeded');
  expect(nodes.map(({ host }) => host).sort()).toEqual(['host-2', 'host-3']);
  await restartAgent('host-1');
});

it('rebuilds a fleet that was terminated, and it knows who holds which host', async () => {
  const out = join(machines.dir, 'rebuilt');
  const run = await machines.start({ nodes: 2, shell: 'sh', commands: [counter(out)] });
  await untilPhase(machines.client, run, 'running');
  const fleet = machines.client.workflow.getHandle(fleetWorkflowId('default'));
  await fleet.terminate();
  // Until its hosts have begun it anew, the one that was ended answers.
  await until(async () => (await fleet.describe()).status.name, 'RUNNING', 30_000);
  const seen = () => fleet.query(hostsQuery).then((all) => all.map(({ state }) => state).sort());
  await until(seen, ['free', 'held', 'held'], 30_000);
  machines.touch(`${out}-end`);
  await untilPhase(machines.client, run, 'succeeded');
  await until(seen, ['free', 'free', 'free'], 30_000);
});

it('leaves with --drain when its program has ended, and gets no further run meanwhile', async () => {
  const out = join(machines.dir, 'drained');
  const leaver = await machines.startHost('host-4', ['--drain', '--label', 'role=leaver']);
  const run = await machines.start({ hosts: ['host-4'], shell: 'sh', commands: [counter(out)] });
  await untilPhase(machines.client, run, 'running');
  const gone = new Promise((resolve) => leaver.once('exit', resolve));
  leaver.kill('SIGTERM');
  const fleet = machines.client.workflow.getHandle(fleetWorkflowId('default'));
  const another = await machines.start({ nodes: 1, where: { role: 'leaver' }, queue_timeout: '1s', commands: ['true'] });
  const { message } = await untilPhase(machines.client, another, 'failed');
  expect(message).toContain('the fleet default has 4 (3 free, 1 in use, 0 silent, 1 leaving)');
  expect(leaver.exitCode).toBeNull();
  machines.touch(`${out}-end`);
  await untilPhase(machines.client, run, 'succeeded');
  expect(await gone).toBe(0);
  expect((await fleet.query(hostsQuery)).find(({ host }) => host === 'host-4')?.state).toBe('leaving');
});
