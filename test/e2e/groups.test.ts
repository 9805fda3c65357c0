import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Machines, muster, readLines, startMachines } from '../helpers/machines.js';
import { processesOf, statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

let machines: Machines;
let third: ChildProcess;
beforeAll(async () => {
  machines = await startMachines(19, ['host-1', 'host-2']);
  third = await machines.startHost('host-3');
  await machines.startHost('host-4', ['--label', 'role=head']);
});
afterAll(() => machines.stop());

const LISTEN = (after: string) => `node -e 'const { DSTACK_NODES_NUM: n, MUSTER_NODE_IP: own } = process.env; let heard = 0;
  const server = require("net").createServer((s) => { s.end(); if (++heard === n - 1) server.close(); });
  setTimeout(() => server.listen(4719, own), ${after});'`;
const DIAL = `node -e 'require("net").connect(4719, process.env.DSTACK_MASTER_NODE_IP).on("error", (e) => { console.log(String(e)); process.exit(9); }).resume()'`;

it('gives each group its own commands, hosts by label and ranks in the order of the groups', async () => {
  const out = join(machines.dir, 'groups');
  const run = await machines.start({
    groups: [
      {
        name: 'head',
        where: { role: 'head' },
        commands: [`cp "$MUSTER_ROSTER_FILE" ${out}-roster`, `echo "head $DSTACK_NODE_RANK" > ${out}-$DSTACK_NODE_RANK`],
      },
      {
        name: 'workers',
        nodes: 2,
        commands: [
          `echo "$DSTACK_NODE_RANK worker of \${{ groups[head].nodes[0].IP_ADDRESS }}," 'last \${{ groups[1].nodes[1].IP_ADDRESS }}, text $\${{ x }}' > ${out}-$DSTACK_NODE_RANK`,
        ],
      },
    ],
  });
  const { nodes, runId } = await untilPhase(machines.client, run, 'succeeded');
  expect(nodes.map(({ rank, group, host }) => [rank, group, host])).toEqual([
    [0, 'head', 'host-4'],
    [1, 'workers', 'host-1'],
    [2, 'workers', 'host-2'],
  ]);
  expect(readLines(`${out}-0`)).toEqual(['head 0']);
  const [, first, last] = nodes.map(({ address }) => address);
  expect(first).not.toBe(last);
  for (const rank of [1, 2]) expect(readLines(`${out}-${rank}`)).toEqual([`${rank} worker of ${nodes[0]?.address}, last ${last}, text \${{ x }}`]);
  expect(JSON.parse(readFileSync(`${out}-roster`, 'utf8')).nodes.map(({ group }: { group: string }) => group)).toEqual(['head', 'workers', 'workers']);
  await untilNothingLeft(runId);
});

it('plans: says which hosts and addresses a task would have, and starts nothing', async () => {
  const file = join(machines.dir, 'plan.yml');
  writeFileSync(file, 'groups:\n  - {name: head, where: {role: head}, commands: [a]}\n  - {name: workers, nodes: 2, commands: [a]}\n');
  const { code, stdout } = await muster(['plan', file], machines.env);
  expect([code, stdout.split('\n')]).toEqual([
    0,
    [
      'plan would start now on these hosts of the fleet default:',
      'RANK  GROUP    HOST    ADDRESS     INTERFACE',
      '0     head     host-4  127.19.0.4  lo',
      '1     workers  host-1  127.19.0.1  lo',
      '2     workers  host-2  127.19.0.2  lo',
      'addresses: it was given with --address',
      '',
    ],
  ]);
  writeFileSync(file, 'nodes: 9\nqueue_timeout: 1h\ncommands: [a]\n');
  const waiting = await muster(['plan', file], machines.env);
  expect([waiting.code, waiting.stdout]).toEqual([0, 'plan would wait: it needs 9 hosts; the fleet default has 4 (4 free, 0 in use, 0 silent)\n']);
  writeFileSync(file, 'nodes: 9\ncommands: [a]\n');
  expect((await muster(['plan', file], machines.env)).stdout).toContain('plan would be refused: it needs 9 hosts');
  const json = JSON.parse((await muster(['plan', '--json', file], machines.env)).stdout);
  expect(json).toMatchObject({ nodes: [], ahead: 0 });
});

it('says what it needs and what there is when no host has the label', async () => {
  const run = await machines.start({ where: { role: 'none' }, queue_timeout: '1s', commands: ['true'] });
  const { reason, message } = await untilPhase(machines.client, run, 'failed');
  expect(reason).toBe('QueueTimeout');
  expect(message).toContain(
    'needs 1 host with role=none; the fleet default has 4 (4 free, 0 in use, 0 silent); the fleet has none; the hosts have no label role=none (host-1, host-2, host-3, host-4)',
  );
});

it('starts the others when the master listens on its port, and not before', async () => {
  const run = await machines.start({
    startup_order: { order: 'master-first', ready: { port: 4719, timeout: '20s' } },
    groups: [{ commands: [LISTEN('600')] }, { nodes: 3, commands: [DIAL] }],
  });
  const { nodes, runId } = await untilPhase(machines.client, run, 'succeeded');
  expect(nodes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
  await untilNothingLeft(runId);
});

it('starts the master when the command of every worker says so', async () => {
  const mark = join(machines.dir, 'up');
  const run = await machines.start({
    env: { MARK: mark },
    startup_order: {
      order: 'workers-first',
      ready: { command: 'test -e "$MARK-$DSTACK_NODE_RANK" && test ${{ groups[0].nodes[0].IP_ADDRESS }} = "$DSTACK_MASTER_NODE_IP"' },
    },
    groups: [{ commands: [`test -e ${mark}-1 && test -e ${mark}-2`] }, { nodes: 2, commands: ['sleep 0.3; touch "$MARK-$DSTACK_NODE_RANK"; exec sleep 60'] }],
    stop_criteria: 'master-done',
  });
  const { nodes, runId } = await untilPhase(machines.client, run, 'succeeded');
  expect(nodes[0]?.exitCode).toBe(0);
  await untilNothingLeft(runId);
});

it('fails with the last output of the gate when the first are not ready in time, and never starts the others', async () => {
  const out = join(machines.dir, 'never');
  const run = await machines.start({
    startup_order: { order: 'master-first', ready: { command: 'echo still loading; exit 3', timeout: '1s' } },
    groups: [{ commands: ['echo from the program; exec sleep 60'] }, { nodes: 2, commands: [`touch ${out}`] }],
  });
  const { reason, message, nodes, lastLines, runId } = await untilPhase(machines.client, run, 'failed');
  expect([reason, lastLines]).toEqual(['NotReady', 'from the program\n']);
  expect(message).toBe(
    `Node 0 on ${nodes[0]?.host} failed in generation 1: its program was not ready 1 s after its start: the command ended with code 3; its last output: still loading; the other 2 nodes were stopped`,
  );
  expect(readLines(out)).toEqual([]);
  await untilNothingLeft(runId);
});

it('fails when one of the first ends before it is ready', async () => {
  const run = await machines.start({
    startup_order: { order: 'master-first', ready: { port: 4719 } },
    groups: [{ commands: ['true'] }, { commands: ['sleep 60'] }],
  });
  const { reason, message, runId } = await untilPhase(machines.client, run, 'failed');
  expect([reason, message]).toEqual(['NotReady', expect.stringContaining('its program ended with code 0 before it was ready')]);
  await untilNothingLeft(runId);
});

it.each(['master-first', 'workers-first'])('goes on with %s when the agent of rank 0 is killed between the waves', async (order) => {
  const mark = join(machines.dir, `go-${order}`);
  const first = `echo $$ > ${mark}-$DSTACK_NODE_RANK; while ! [ -e ${mark} ]; do sleep 0.05; done; touch ${mark}-ready-$DSTACK_NODE_RANK; while ! [ -e ${mark}-second ]; do sleep 0.05; done`;
  const second = `for rank in ${order === 'master-first' ? '0' : '1 2'}; do test -e ${mark}-ready-$rank || exit 9; done; touch ${mark}-second`;
  const run = await machines.start({
    host_timeout: '20s',
    hosts: ['host-3', 'host-1', 'host-2'],
    startup_order: { order, ready: { command: `test -e ${mark}-ready-$DSTACK_NODE_RANK` } },
    commands: [`if [ $DSTACK_NODE_RANK = 0 ]; then ${order === 'master-first' ? first : second}; else ${order === 'master-first' ? second : first}; fi`],
  });
  const early = order === 'master-first' ? [0] : [1, 2];
  await until(
    () => early.map((rank) => readLines(`${mark}-${rank}`).length),
    early.map(() => 1),
  );
  const { runId } = await statusOf(machines.client, run);
  const before = processesOf(runId);
  await machines.kill(third);
  third = await machines.startHost('host-3');
  machines.touch(mark);
  const { nodes, generation } = await untilPhase(machines.client, run, 'succeeded', 30_000);
  expect([nodes.map(({ exitCode }) => exitCode), generation, before.length > 0]).toEqual([[0, 0, 0], 1, true]);
  await untilNothingLeft(runId);
});

it('speaks torch: every node has the variables of torchrun, with a port that is free on the master', async () => {
  const out = join(machines.dir, 'torch');
  const bind = `node -e 'require("net").createServer().listen(process.env.PET_MASTER_PORT, "0.0.0.0", function () { this.close(); })'`;
  const run = await machines.start({
    nodes: 3,
    dialects: ['torch'],
    commands: [`env | grep ^PET_ | sort | tr '\\n' ' ' > ${out}-$DSTACK_NODE_RANK; if [ $DSTACK_NODE_RANK = 0 ]; then ${bind}; fi`],
  });
  const { nodes } = await untilPhase(machines.client, run, 'succeeded');
  const lines = [0, 1, 2].map((rank) => readLines(`${out}-${rank}`)[0] ?? '');
  const port = /PET_MASTER_PORT=(\d+)/.exec(lines[0] ?? '')?.[1];
  expect(Number(port)).toBeGreaterThan(1_023);
  expect(lines).toEqual([0, 1, 2].map((rank) => `PET_MASTER_ADDR=${nodes[0]?.address} PET_MASTER_PORT=${port} PET_NNODES=3 PET_NODE_RANK=${rank}`));
});

it('leaves the list to the file where the task says so', async () => {
  const out = join(machines.dir, 'file');
  const run = await machines.start({
    nodes: 2,
    nodes_env: 'file',
    commands: [`echo "\${DSTACK_NODES_IPS-unset} $(wc -w < "$MUSTER_NODES_FILE")" > ${out}-$DSTACK_NODE_RANK`],
  });
  await untilPhase(machines.client, run, 'succeeded');
  expect([0, 1].map((rank) => readLines(`${out}-${rank}`))).toEqual([['unset 2'], ['unset 2']]);
});
