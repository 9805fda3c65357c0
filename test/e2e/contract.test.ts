import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { replaceFile } from '../../activities/host/replace-file.js';
import { rosterPath } from '../../activities/host/store.js';
import { Runs } from '../../client/runs.js';
import { Schedules } from '../../client/schedules.js';
import { nodeId } from '../../spec/roster.js';
import { isReservedEnv } from '../../spec/task/env.js';
import { succeeds } from '../helpers/commands.js';
import { type Machines, readLines, startMachines } from '../helpers/machines.js';
import { statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(11, ['host-1', 'host-2', 'host-3']);
});
afterAll(() => machines.stop());

it('gives every node the same list, its own rank and every variable of the contract', async () => {
  const out = join(machines.dir, 'contract');
  const script = `node -e 'require("fs").writeFileSync(process.argv[1] + process.env.DSTACK_NODE_RANK, JSON.stringify(process.env))' ${out}-`;
  const files = `cat "$MUSTER_NODES_FILE" > ${out}-list-$DSTACK_NODE_RANK; cat "$MUSTER_ROSTER_FILE" > ${out}-roster-$DSTACK_NODE_RANK; cat "$DSTACK_MPI_HOSTFILE" > ${out}-mpi-$DSTACK_NODE_RANK`;
  const tricky = 'a "b" $c\n\'d\'';
  const run = await machines.start({ name: 'contract', nodes: 3, commands: [script, files], env: { MINE: tricky, NCCL_SOCKET_IFNAME: 'mine' } });
  const { runId, nodes, generation } = await untilPhase(machines.client, run, 'succeeded');
  expect(generation).toBe(1);
  const list = '127.11.0.1\n127.11.0.2\n127.11.0.3';
  expect(
    nodes
      .map(({ address }) => address)
      .join('\n')
      .split('\n')
      .sort()
      .join('\n'),
  ).toBe(list);
  for (const rank of [0, 1, 2]) {
    const env = JSON.parse(readFileSync(`${out}-${rank}`, 'utf8'));
    const address = list.split('\n')[rank] ?? '';
    expect(env).toMatchObject({
      ...{ DSTACK_NODES_IPS: list, DSTACK_MASTER_NODE_IP: '127.11.0.1', DSTACK_NODE_RANK: String(rank), DSTACK_NODES_NUM: '3' },
      ...{ DSTACK_GPUS_PER_NODE: '0', DSTACK_GPUS_NUM: '0', DSTACK_RUN_NAME: 'contract', DSTACK_RUN_ID: runId },
      ...{ MUSTER_NODE_IP: address, MUSTER_NODE_INTERFACE: 'lo', MUSTER_HOST: nodes[rank]?.host, MUSTER_NODE_ID: nodeId(runId, address) },
      ...{ MUSTER_GENERATION: '1', MUSTER_START_NUMBER: '1', MUSTER_START_REASON: 'first', MUSTER_COOKIE: `${runId}/${nodes[rank]?.host}/1` },
      ...{ MINE: tricky, NCCL_SOCKET_IFNAME: 'mine', GLOO_SOCKET_IFNAME: 'lo', PWD: env.DSTACK_WORKING_DIR },
      PATH: `${machines.env['PATH']}:${join(machines.dir, nodes[rank]?.host ?? '', 'bin')}`,
    });
    expect(Object.keys(env).filter((name) => /^(TEMPORAL_|npm_|INIT_CWD|MUSTER_SERVER|MUSTER_SCHEDULED_TIME|muster_)/.test(name))).toEqual([]);
    expect(readFileSync(`${out}-list-${rank}`, 'utf8')).toBe(list);
    expect(readLines(`${out}-mpi-${rank}`)).toEqual(list.split('\n'));
    expect(JSON.parse(readFileSync(`${out}-roster-${rank}`, 'utf8'))).toMatchObject({ generation: 1, rank, nodes: [{ rank: 0 }, { rank: 1 }, { rank: 2 }] });
  }
  await untilNothingLeft(runId);
});

/** What a shell sets for those whom it starts. */
const OF_SHELLS = ['PWD', 'OLDPWD', 'SHLVL', '_'];

it('gives a program the variables that docs/environment.md has, all of them and no other', async () => {
  const out = join(machines.dir, 'variables');
  const bare = join(machines.dir, 'variables.git');
  const commit = 'git -c user.name=t -c user.email=t@example.org commit --quiet --allow-empty -m first';
  await succeeds('sh', ['-c', `git init --quiet ${bare}-clone && cd ${bare}-clone && ${commit} && git clone --quiet --bare . ${bare}`]);
  const dump = (name: string) => `env -0 > ${out}-${name}-new && mv ${out}-${name}-new ${out}-${name}`;
  const runs = new Runs(machines.client);
  const repos = [{ url: `file://${bare}`, path: 'code' }];
  const run = await runs.start({
    dialects: ['torch'],
    repos,
    on_resize: { exec: dump('exec') },
    commands: [dump('start-$DSTACK_NODE_RANK'), 'exec sleep 1000'],
  });
  await until(() => existsSync(`${out}-start-0`), true, 60_000);
  await run.rescale(2);
  await until(() => existsSync(`${out}-exec`), true, 60_000);
  await run.exec({ rank: 0, command: dump('beside') });
  await run.stop({ mode: 'now' });
  const { runId } = await run.wait();
  const schedules = new Schedules(machines.client);
  await schedules.apply({ name: 'variables', commands: [dump('scheduled')], schedule: { every: '30d' } });
  await machines.client.schedule.getHandle('variables').trigger();
  await until(() => existsSync(`${out}-scheduled`), true, 60_000);
  await schedules.delete('variables');

  const seen = ['start-0', 'start-1', 'exec', 'beside', 'scheduled'].flatMap((name) => readFileSync(`${out}-${name}`, 'utf8').split('\0').slice(0, -1));
  const names = new Set(seen.map((entry) => entry.split('=', 1)[0] ?? ''));
  const ours = [...names].filter((name) => !OF_SHELLS.includes(name) && (machines.env[name] === undefined || isReservedEnv(name)));
  const doc = readFileSync(new URL('../../docs/environment.md', import.meta.url), 'utf8');
  const firstCells = [...doc.matchAll(/^\| (`[A-Z].*?) \|/gm)].map(([, cell = '']) => cell);
  const documented = firstCells.flatMap((cell) => [...cell.matchAll(/`([A-Z_0-9]+)`/g)].map(([, name]) => name));
  expect(ours.sort()).toEqual(documented.sort());
  await untilNothingLeft(runId);
}, 180_000);

it('starts no process before all nodes are ready', async () => {
  const out = join(machines.dir, 'moments');
  const run = await machines.start({ nodes: 3, shell: 'sh', commands: [`date +%s%N >> ${out}`] });
  const { releasedAtMs } = await untilPhase(machines.client, run, 'succeeded');
  expect(releasedAtMs).not.toBeNull();
  expect(readLines(out)).toHaveLength(3);
});

it('ranks pinned hosts in the order given', async () => {
  const run = await machines.start({ hosts: ['host-3', 'host-1'], commands: ['true'] });
  const { nodes } = await untilPhase(machines.client, run, 'succeeded');
  expect(nodes.map(({ host }) => host)).toEqual(['host-3', 'host-1']);
});

it('answers a program that asks the agent for the list by MUSTER_SOCKET', async () => {
  const out = join(machines.dir, 'asked');
  const ask = `const s = require("net").connect(process.env.MUSTER_SOCKET, () => s.write(process.env.MUSTER_COOKIE + "\\n")); let t = ""; s.on("data", d => t += d).on("end", () => require("fs").writeFileSync("${out}", t))`;
  const run = await machines.start({ commands: [`node -e '${ask}'`] });
  await untilPhase(machines.client, run, 'succeeded');
  expect(JSON.parse(readFileSync(out, 'utf8'))).toMatchObject({ rank: 0, generation: 1 });
});

it('has the command muster in every node, of the agent itself, and with a PATH of the task too', async () => {
  const out = join(machines.dir, 'listed');
  const commands = [
    'muster nodes > "$OUT-$DSTACK_NODE_RANK"',
    'test "$(cat "$OUT-$DSTACK_NODE_RANK")" = "$DSTACK_NODES_IPS"',
    'muster nodes --wait 2 --timeout 10s',
  ];
  for (const env of [{ OUT: out }, { OUT: `${out}-own`, PATH: '/usr/local/bin:/usr/bin:/bin' }]) {
    const run = await machines.start({ nodes: 2, commands, env });
    await untilPhase(machines.client, run, 'succeeded');
    for (const rank of [0, 1]) expect(readLines(`${env.OUT}-${rank}`)).toHaveLength(2);
  }
});

it('follows the list over the death of an agent', async () => {
  const [out, enough] = [join(machines.dir, 'followed'), join(machines.dir, 'enough')];
  const agent = await machines.startHost('host-4');
  const commands = [`muster nodes --watch > ${out} & until [ -e ${enough} ]; do sleep 0.1; done; kill -0 $! && kill $!`];
  const run = await machines.start({ hosts: ['host-4'], commands });
  await until(() => readLines(out), ['1 127.11.0.4'], 15_000);
  await machines.kill(agent);
  await machines.startHost('host-4');
  const { runId } = await statusOf(machines.client, run);
  const path = rosterPath(join(machines.dir, 'host-4'), runId, 1);
  replaceFile(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), generation: 2 }), 0o644);
  await until(() => readLines(out), ['1 127.11.0.4', '2 127.11.0.4']);
  machines.touch(enough);
  await untilPhase(machines.client, run, 'succeeded');
  await untilNothingLeft(runId);
});

it('names the host when its shell is missing, and starts nothing', async () => {
  const run = await machines.start({ nodes: 2, shell: '/no/such/shell', commands: ['true'] });
  const { reason, message, runId } = await untilPhase(machines.client, run, 'failed');
  expect(reason).toBe('CommandNotFound');
  expect(message).toContain('has no /no/such/shell');
  await untilNothingLeft(runId);
});

it('lets every node of a mesh dial every other', async () => {
  const mesh = new URL('../../examples/mesh.mjs', import.meta.url).pathname;
  const run = await machines.start({ nodes: 3, commands: [`node ${mesh}`] });
  const { runId } = await untilPhase(machines.client, run, 'succeeded');
  expect((await statusOf(machines.client, run)).nodes.every(({ exitCode }) => exitCode === 0)).toBe(true);
  await untilNothingLeft(runId);
});
