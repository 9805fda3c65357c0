import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rescale } from '../../spec/messages.js';
import { type Machines, muster, readLines, startMachines } from '../helpers/machines.js';
import { processesOf, statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

let machines: Machines;
const agents: ChildProcess[] = [];
beforeAll(async () => {
  machines = await startMachines(56, []);
  for (const n of [1, 2, 3, 4, 5]) agents.push(await machines.startHost(`host-${n}`));
});
afterAll(() => machines.stop());

/** Says which list it was started with, and from then on each list that it is told of by SIGHUP; until a file appears. */
const LISTENS = (out: string) => `
echo "$MUSTER_GENERATION start $(printf %s "$DSTACK_NODES_IPS" | tr "\\n" ,)" >> ${out}-$MUSTER_HOST
echo "$MUSTER_NODES_FILE" > ${out}-path-$MUSTER_HOST; echo $$ > ${out}-pid-$MUSTER_HOST
trap 'echo "told $(tr "\\n" , < "$MUSTER_NODES_FILE")" >> ${out}-'$MUSTER_HOST HUP
until [ -e ${out}-end ]; do sleep 0.05; done`;

/** The addresses of the first so many hosts, as a line. */
const list = (nodes: number) => Array.from({ length: nodes }, (_, i) => `127.56.0.${i + 1}`).join(' ');

async function ask(run: string, nodes: number): Promise<string> {
  return (await machines.client.workflow.getHandle(run).executeUpdate(rescale, { args: [{ nodes }] })).id;
}

async function resize(run: string, nodes: number) {
  return await untilSettled(run, await ask(run, nodes));
}

async function untilSettled(run: string, id: string) {
  return await until(
    () => statusOf(machines.client, run),
    ({ resizes }) => resizes.some((seen) => seen.id === id && seen.state !== 'waiting'),
    50_000,
  );
}

it('grows and shrinks while the nodes that stay run on, and each is told by a signal that it handles', async () => {
  const out = join(machines.dir, 'signal');
  const run = await machines.start({ nodes: 2, shell: 'sh', stop_duration: 2, on_resize: 'signal', commands: [LISTENS(out)] });
  const { runId } = await untilPhase(machines.client, run, 'running');
  await until(() => readLines(`${out}-host-2`).length, 1);
  const shells = (...hosts: number[]) => hosts.map((n) => Number(readLines(`${out}-pid-host-${n}`)[0]));
  const lives = (pid: number) => processesOf(runId).includes(pid);
  const old = shells(1, 2);
  const grown = await resize(run, 4);
  expect(grown).toMatchObject({ phase: 'running', generation: 2, restarts: 0, nodes: [{}, {}, {}, {}] });
  const ips = [1, 2, 3, 4].map((n) => `127.56.0.${n}`);
  for (const n of [1, 2]) await until(() => readLines(`${out}-host-${n}`), ['1 start 127.56.0.1,127.56.0.2', `told ${ips.join(',')}`]);
  for (const n of [3, 4]) await until(() => readLines(`${out}-host-${n}`), [`2 start ${ips.join(',')}`]);
  expect([old.every(lives), shells(1, 2)]).toEqual([true, old]);
  const shrunk = await resize(run, 1);
  expect([shrunk.generation, shrunk.nodes.map(({ host }) => host)]).toEqual([3, ['host-1']]);
  await until(() => readLines(`${out}-host-1`).at(-1), 'told 127.56.0.1');
  await until(() => shells(1, 2, 3, 4).map(lives), [true, false, false, false], 10_000);
  expect(readFileSync(readLines(`${out}-path-host-1`)[0] ?? '', 'utf8')).toBe('127.56.0.1');
  machines.touch(`${out}-end`);
  expect((await untilPhase(machines.client, run, 'succeeded')).generation).toBe(3);
  await untilNothingLeft(runId);
});

async function stop(run: string, runId: string): Promise<void> {
  await muster(['stop', run, '--now'], machines.env);
  await untilNothingLeft(runId);
}

it('shows each new list to `muster nodes --watch` inside the job', async () => {
  const out = join(machines.dir, 'watched');
  const run = await machines.start({ nodes: 2, on_resize: 'file', commands: [`exec muster nodes --watch > ${out}-$MUSTER_HOST`] });
  const { runId } = await untilPhase(machines.client, run, 'running');
  for (const n of [1, 2]) await until(() => readLines(`${out}-host-${n}`), [`1 ${list(2)}`], 20_000);
  await resize(run, 3);
  await resize(run, 2);
  for (const n of [1, 2]) await until(() => readLines(`${out}-host-${n}`), [`1 ${list(2)}`, `2 ${list(3)}`, `3 ${list(2)}`]);
  await stop(run, runId);
});

it('runs the command of on_resize on every node that stays, with the new and the old list', async () => {
  const out = join(machines.dir, 'exec');
  const exec = `echo "$DSTACK_NODE_RANK $MUSTER_GENERATION: $(echo $MUSTER_OLD_NODES_IPS) -> $(echo $DSTACK_NODES_IPS)" >> ${out}-$MUSTER_HOST`;
  const run = await machines.start({ nodes: 2, on_resize: { exec }, commands: ['exec sleep 1000'] });
  const { runId } = await untilPhase(machines.client, run, 'running');
  await resize(run, 3);
  const first = (rank: number) => `${rank} 2: ${list(2)} -> ${list(3)}`;
  for (const rank of [0, 1]) await until(() => readLines(`${out}-host-${rank + 1}`), [first(rank)]);
  await resize(run, 1);
  await until(() => readLines(`${out}-host-1`), [first(0), `0 3: ${list(3)} -> ${list(1)}`]);
  expect([readLines(`${out}-host-2`), readLines(`${out}-host-3`)]).toEqual([[first(1)], []]);
  await stop(run, runId);
});

it('fails the node whose command of on_resize fails, and says what the command said last', async () => {
  const exec = '[ $DSTACK_NODE_RANK -eq 0 ] || { echo the shard is missing; exit 3; }';
  const run = await machines.start({ nodes: 2, on_resize: { exec }, commands: ['exec sleep 1000'] });
  const { runId } = await untilPhase(machines.client, run, 'running');
  await ask(run, 3);
  const { failures } = await untilPhase(machines.client, run, 'failed');
  expect(failures).toMatchObject([{ host: 'host-2', generation: 2, type: 'ResizeFailed' }]);
  expect(failures[0]?.message).toContain('on_resize in generation 2: the command ended with code 3; its last output: the shard is missing');
  await untilNothingLeft(runId);
});

it('sends no SIGHUP to a process of the group that has no handler for it', async () => {
  const out = join(machines.dir, 'spared');
  const script = `sleep 1000 & echo $! > ${out}-$MUSTER_HOST; sh -c 'trap "echo >> ${out}-told-$MUSTER_HOST" HUP; while :; do sleep 0.05; done'`;
  const run = await machines.start({ nodes: 1, shell: 'sh', stop_duration: 1, on_resize: 'signal', commands: [script] });
  const { runId } = await untilPhase(machines.client, run, 'running');
  const [sleeper] = await until(
    () => readLines(`${out}-host-1`),
    (lines) => lines.length === 1,
  );
  await resize(run, 2);
  await resize(run, 1);
  await until(() => readFileSync(`${out}-told-host-1`, 'utf8').length, 2);
  expect(processesOf(runId)).toContain(Number(sleeper));
  expect((await statusOf(machines.client, run)).phase).toBe('running');
  await stop(run, runId);
});

/** Writes its pid, and each list that its file holds. */
const FOLLOWS = (out: string) => `
echo $$ > ${out}-pid-$MUSTER_HOST
while :; do
  now=$(tr "\\n" " " < "$MUSTER_NODES_FILE")
  [ "$now" = "$last" ] || echo "$now" >> ${out}-$MUSTER_HOST
  last=$now; sleep 0.05
done`;

it('has the next list reach a node whose agent was killed in the middle of a change, and its program lives on', async () => {
  const out = join(machines.dir, 'agent');
  const run = await machines.start({ nodes: 3, shell: 'sh', stop_duration: 1, on_resize: 'file', commands: [FOLLOWS(out)] });
  const { runId } = await untilPhase(machines.client, run, 'running');
  await until(() => readLines(`${out}-host-2`), [list(3)]);
  const pids = readLines(`${out}-pid-host-2`);
  for (const nodes of [4, 3]) {
    const id = await ask(run, nodes);
    await machines.kill(agents[1] as ChildProcess);
    agents[1] = await machines.startHost('host-2');
    await untilSettled(run, id);
  }
  // A wish may be refused while its agent was away; nothing has changed then.
  const isDone = async () => (await resize(run, 5)).resizes.at(-1)?.state;
  await until(isDone, 'done', 50_000);
  const { generation, restarts } = await statusOf(machines.client, run);
  expect(restarts).toBe(0);
  await until(() => readLines(`${out}-host-2`).at(-1), list(5), 20_000);
  expect(generation).toBeGreaterThan(1);
  expect(readLines(`${out}-pid-host-2`)).toEqual(pids);
  expect(processesOf(runId)).toContain(Number(pids[0]));
  await stop(run, runId);
});

it('settles a change in the middle of which the control worker was killed', async () => {
  const out = join(machines.dir, 'control');
  const run = await machines.start({ nodes: 2, shell: 'sh', stop_duration: 1, on_resize: 'file', commands: [FOLLOWS(out)] });
  const { runId } = await untilPhase(machines.client, run, 'running');
  for (const [round, nodes] of [5, 2].entries()) {
    const id = await ask(run, nodes);
    await machines.kill(machines.control);
    machines.startControl();
    const { resizes, restarts } = await untilSettled(run, id);
    expect([resizes[round]?.state, restarts]).toEqual(['done', 0]);
    for (const n of [1, 2]) await until(() => readLines(`${out}-host-${n}`).at(-1), list(nodes));
  }
  for (const n of [1, 2]) expect(readLines(`${out}-pid-host-${n}`)).toHaveLength(1);
  await stop(run, runId);
});
