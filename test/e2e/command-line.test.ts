import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readProcess } from '../../activities/process/identity.js';
import { MAIN, type Machines, muster, readLines, startMachines } from '../helpers/machines.js';
import { processesOf, statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

let machines: Machines;
beforeAll(async () => {
  machines = await startMachines(14, ['host-1', 'host-2', 'host-3']);
});
afterAll(() => machines.stop());

const ROLL_CALL = 'echo "$DSTACK_NODE_RANK $(echo "$DSTACK_NODES_IPS" | tr "\\n" ,)"';

it('prints five lines that differ in their rank only, also with a Temporal address set that does not exist', async () => {
  const env = { ...process.env, TEMPORAL_ADDRESS: 'prod.invalid:7233' };
  const { code, stdout } = await muster(['run', '-n', '5', '--dev', '--raw', '--', ROLL_CALL], env);
  expect(code).toBe(0);
  const list = '127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5,127.0.0.6,';
  expect(stdout.trim().split('\n').sort()).toEqual([0, 1, 2, 3, 4].map((rank) => `${rank} ${list}`));
});

it('exits with 1 and names rank, host, code and last lines when a node fails', async () => {
  const script = 'if [ "$DSTACK_NODE_RANK" = 2 ]; then echo last words; exit 7; fi; sleep 1000';
  const { code, stdout, stderr } = await muster(['run', '-n', '3', '--', script], machines.env);
  expect(code).toBe(1);
  expect(stdout).toContain('2 host-3 │ last words');
  expect(stderr).toContain('Node 2 on host-3 exited with code 7 in generation 1');
  expect(stderr.slice(stderr.indexOf('last lines'))).toContain('last words');
});

it('lets each of 20 nodes dial every other', async () => {
  const mesh = new URL('../../examples/mesh.mjs', import.meta.url).pathname;
  const { code, stdout } = await muster(['run', '-n', '20', '--dev', '--raw', '--', 'node', mesh], machines.env);
  expect(code).toBe(0);
  expect(stdout.match(/met 19 peers/g)).toHaveLength(20);
});

it('keeps the words of a command of several', async () => {
  const { code, stdout } = await muster(['run', '--raw', '--', 'printf', '%s|', 'a b', '$HOME', "it's"], machines.env);
  expect([code, stdout]).toEqual([0, "a b|$HOME|it's|\n"]);
});

it('starts, shows, follows, waits for and stops a run by its handle', async () => {
  const started = await muster(['run', '--detach', '-n', '2', '--id', 'my-run', '--', 'echo hello; sleep 1000'], machines.env);
  expect([started.code, started.stdout]).toEqual([0, 'my-run\n']);
  const again = await muster(['run', '--detach', '-n', '2', '--id', 'my-run', '--', 'echo hello; sleep 1000'], machines.env);
  expect([again.code, again.stdout]).toEqual([0, 'my-run\n']);
  const { runId } = await untilPhase(machines.client, 'my-run', 'running');
  const shown = await muster(['status', 'my-run', '--json'], machines.env);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    run: 'my-run',
    phase: 'running',
    generation: 1,
    restarts: 0,
    nodes: [{ rank: 0, host: 'host-1', state: 'running', exitCode: null }, { rank: 1 }],
  });
  expect((await muster(['ps'], machines.env)).stdout).toContain('my-run');
  expect((await muster(['hosts'], machines.env)).stdout).toMatch(/host-3/);
  await until(async () => (await muster(['logs', 'my-run', '--rank', '1', '--raw'], machines.env)).stdout, 'hello\n', 20_000);
  expect((await muster(['wait', 'my-run', '--timeout', '1s'], machines.env)).code).toBe(4);
  expect((await muster(['stop', 'my-run'], machines.env)).code).toBe(0);
  expect((await muster(['wait', 'my-run'], machines.env)).code).toBe(5);
  await untilNothingLeft(runId);
});

it('stops the run and exits with 130 on SIGINT without a terminal', async () => {
  const child = spawn(process.execPath, [MAIN, 'run', '-n', '2', '--id', 'interrupted', '--', 'sleep 1000'], { env: machines.env, stdio: 'ignore' });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const { runId } = await untilPhase(machines.client, 'interrupted', 'running');
  child.kill('SIGINT');
  expect(await exited).toBe(130);
  expect((await statusOf(machines.client, 'interrupted')).phase).toBe('cancelled');
  await untilNothingLeft(runId);
});

it('leaves nothing behind when a run with --dev is killed with -9', async () => {
  const out = join(machines.dir, 'dev-pids');
  // A place of its own: other tests have their dev stacks, too.
  const scratch = join(machines.dir, 'dev-scratch');
  mkdirSync(scratch);
  const devDirectories = () => readdirSync(scratch).filter((name) => name.startsWith('muster-dev-'));
  const child = spawn(
    process.execPath,
    [MAIN, 'run', '-n', '2', '--dev', '--', `echo $$ >> ${out}; echo $DSTACK_RUN_ID > ${out}-run; trap '' TERM; while :; do sleep 0.1; done`],
    {
      ...{ env: { ...machines.env, TMPDIR: scratch }, stdio: 'ignore' },
    },
  );
  const pids = (
    await until(
      () => readLines(out),
      (lines) => lines.length === 2,
      40_000,
    )
  ).map(Number);
  const [runId = ''] = readLines(`${out}-run`);
  expect(devDirectories()).toHaveLength(1);
  child.kill('SIGKILL');
  await until(() => pids.filter((pid) => readProcess(pid) !== undefined), [], 15_000);
  await until(() => processesOf(runId), [], 15_000);
  await until(devDirectories, [], 15_000);
});

it.each([
  ['a verb that is none', ['rum'], 'There is no verb rum; did you mean run?'],
  ['no nodes', ['run', '-n', '0', '--', 'true'], '--nodes takes a whole number from 1'],
  ['neither file nor command', ['run'], 'muster run'],
  ['a file that is not there', ['check', '/no/such/file.yml'], '/no/such/file.yml'],
])('exits with 2 and one sentence for %s', async (_, args, words) => {
  const { code, stderr } = await muster(args, machines.env);
  expect(code).toBe(2);
  expect(stderr).toContain(words);
  expect(stderr).not.toMatch(/^ +at /m);
});

it('shows every problem of a task file with its line, and exits with 2', async () => {
  const file = join(machines.dir, 'bad.yml');
  writeFileSync(file, 'type: task\nnodes: 0\ncomands:\n  - true\n');
  const { code, stderr, stdout } = await muster(['check', file], machines.env);
  expect(code).toBe(2);
  expect(stderr + stdout).toContain('line 2: nodes: expected at least 1, got 0');
  expect(stderr + stdout).toContain('did you mean `commands`?');
});

it('says that Temporal cannot be reached, and exits with 3', async () => {
  const { code, stderr } = await muster(['ps'], { ...machines.env, MUSTER_SERVER: '', TEMPORAL_ADDRESS: '127.0.0.1:1' });
  expect(code).toBe(3);
  expect(stderr).toContain('Temporal cannot be reached at 127.0.0.1:1');
  expect(stderr).not.toMatch(/^ +at /m);
});

it.each([
  [
    'its data directory is in use',
    () => ['--name', 'host-1', '--address', '127.14.0.9', '--data', join(machines.dir, 'host-1')],
    'is in use by another live agent',
  ],
  [
    'its name is in use',
    () => ['--name', 'host-1', '--address', '127.14.0.9', '--data', join(machines.dir, 'other')],
    'The host name host-1 is in use by another live agent',
  ],
  ['its address is not of this machine', () => ['--name', 'host-9', '--address', '10.99.99.99', '--data', join(machines.dir, 'nine')], '10.99.99.99'],
])('refuses to start an agent when %s', async (_, args, words) => {
  const { code, stderr } = await muster(['host', ...args()], machines.env);
  expect(code).not.toBe(0);
  expect(stderr).toContain(words);
  expect(stderr).not.toMatch(/^ +at /m);
  // It may come again by another name.
  expect(existsSync(join(machines.dir, 'other', 'host.json'))).toBe(false);
});

it('says that a port is taken', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const { code, stderr } = await muster(['dev', '--port', String(port)], machines.env);
  server.close();
  expect(code).toBe(2);
  expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use`);
});
