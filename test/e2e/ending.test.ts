import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fleetWorkflowId } from '../../spec/ids.js';
import { hosts as hostsQuery, stop } from '../../spec/messages.js';
import { type Machines, readLines, startMachines } from '../helpers/machines.js';
import { processesOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

const run = promisify(execFile);
let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(12, ['host-1', 'host-2', 'host-3', 'host-4']);
});
afterAll(() => machines.stop());

const temporal = (...args: string[]) => run(machines.temporalBinary, [...args, '--address', machines.address], { timeout: 30_000 });
const untilFree = (limitMs = 10_000) =>
  until(
    async () => (await machines.client.workflow.getHandle(fleetWorkflowId('default')).query(hostsQuery)).map(({ state }) => state),
    ['free', 'free', 'free', 'free'],
    limitMs,
  );

it('fails with rank, host, code and last lines of the node that failed first, and ends the others', async () => {
  const handle = await machines.start({
    nodes: 4,
    commands: ['if [ "$DSTACK_NODE_RANK" = 2 ]; then echo last words; exit 7; fi', 'sleep 1000'],
  });
  const { reason, message, lastLines, nodes, runId } = await untilPhase(machines.client, handle, 'failed');
  expect(reason).toBe('CommandFailed');
  expect(message).toBe(`Node 2 on ${nodes[2]?.host} exited with code 7 in generation 1; the other 3 nodes were stopped`);
  expect(lastLines).toContain('last words');
  await untilNothingLeft(runId);
  await untilFree();
});

it('runs what a plain Temporal client starts on the plain queue', async () => {
  const input = '{"nodes":3,"commands":["echo hi"]}';
  await temporal('workflow', 'start', '--type', 'musterRun', '--task-queue', 'muster', '--workflow-id', 'Plain Run!', '--input', input);
  const { name } = await untilPhase(machines.client, 'Plain Run!', 'succeeded');
  expect(name).toBe('plain-run');
});

it('fails a bad spec once, with the sentence', async () => {
  const handle = await machines.client.workflow.start('musterRun', {
    ...{ workflowId: 'bad-spec', taskQueue: 'muster', args: [{ nodes: 0, commands: ['true'] }] },
  });
  const failure = await handle.result().catch((error: Error) => error.cause);
  expect(failure).toMatchObject({ type: 'InvalidSpec', message: 'InvalidSpec: nodes: expected at least 1, got 0' });
});

it('ends obedient processes within 10 s when the run is terminated, and frees the hosts', async () => {
  const handle = await machines.start({ nodes: 4, commands: ['sleep 1000'] });
  const { runId } = await untilPhase(machines.client, handle, 'running');
  expect(processesOf(runId).length).toBeGreaterThanOrEqual(4);
  await temporal('workflow', 'terminate', '--workflow-id', handle);
  await untilNothingLeft(runId, 10_000);
  await untilFree();
});

it('kills the disobedient after stop_duration when the run is terminated', async () => {
  const handle = await machines.start({ nodes: 2, stop_duration: 3, commands: [`trap '' TERM; while :; do sleep 1; done`] });
  const { runId } = await untilPhase(machines.client, handle, 'running');
  await temporal('workflow', 'terminate', '--workflow-id', handle);
  await untilNothingLeft(runId, 15_000);
});

it('stops politely on cancel: the signal reaches the program, which may end well', async () => {
  const out = join(machines.dir, 'polite');
  const handle = await machines.start({ nodes: 2, commands: [`trap 'echo bye >> ${out}; exit 0' TERM; while :; do sleep 0.1; done`] });
  const { runId } = await untilPhase(machines.client, handle, 'running');
  await machines.client.workflow.getHandle(handle).cancel();
  await untilPhase(machines.client, handle, 'cancelled');
  expect(readLines(out)).toEqual(['bye', 'bye']);
  // The query sees the decision a moment before the server has recorded the close.
  await until(async () => (await machines.client.workflow.getHandle(handle).describe()).status.name, 'CANCELLED');
  await untilNothingLeft(runId);
});

it('kills at once when it is told to stop now', async () => {
  const handle = await machines.start({ nodes: 2, stop_duration: 60, commands: [`trap '' TERM; while :; do sleep 1; done`] });
  const { runId } = await untilPhase(machines.client, handle, 'running');
  const answer = await machines.client.workflow.getHandle(handle).executeUpdate(stop, { args: [{ mode: 'now' }] });
  expect(answer.accepted).toBe(true);
  const { reason } = await untilPhase(machines.client, handle, 'cancelled', 15_000);
  expect(reason).toBe('Stopped');
  await untilNothingLeft(runId);
});

it('ends helpers that left the process group when the program exits', async () => {
  const handle = await machines.start({ nodes: 2, commands: ['setsid sleep 1000 & true'] });
  const { runId } = await untilPhase(machines.client, handle, 'succeeded', 20_000);
  expect(processesOf(runId)).toEqual([]);
});

it('stops at max_duration, counted from the release', async () => {
  const handle = await machines.start({ nodes: 2, max_duration: 1, commands: ['sleep 1000'] });
  const { reason, runId } = await untilPhase(machines.client, handle, 'failed');
  expect(reason).toBe('MaxDuration');
  await untilNothingLeft(runId);
});

it('ends with the master when the task says so', async () => {
  const commands = ['if [ "$DSTACK_NODE_RANK" = 0 ]; then exit 0; fi', 'sleep 1000'];
  const handle = await machines.start({ nodes: 3, stop_criteria: 'master-done', commands });
  const { runId } = await untilPhase(machines.client, handle, 'succeeded');
  await untilNothingLeft(runId);
});

it('says in the queue what it waits for, and takes the hosts when they are free', async () => {
  const first = await machines.start({ nodes: 3, commands: ['sleep 1000'] });
  await untilPhase(machines.client, first, 'running');
  const second = await machines.start({ nodes: 2, commands: ['true'] });
  await untilPhase(machines.client, second, 'queued');
  await machines.client.workflow.getHandle(first).cancel();
  await untilPhase(machines.client, second, 'succeeded');
});

it('fails after queue_timeout with what was missing', async () => {
  const handle = await machines.start({ nodes: 9, queue_timeout: 1, commands: ['true'] });
  const { reason, message } = await untilPhase(machines.client, handle, 'failed');
  expect(reason).toBe('QueueTimeout');
  expect(message).toContain('needs 9 hosts; the fleet default has 4');
});
