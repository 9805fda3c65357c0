import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { liveProcesses, readVariable } from '../../activities/process/carriers.js';
import { MAIN, type Machines, muster, startMachines } from '../helpers/machines.js';
import { statusOf, untilNothingLeft, untilPhase } from '../helpers/runs.js';
import { until } from '../helpers/until.js';

const HOSTS = ['host-1', 'host-2', 'host-3', 'host-4', 'host-5'];

let machines: Machines;
let agents: Map<string, ChildProcess>;
beforeAll(async () => {
  machines = await startMachines(42, []);
  agents = new Map();
  for (const name of HOSTS) agents.set(name, await machines.startHost(name));
});
afterAll(() => machines.stop());

interface Started {
  child: ChildProcess;
  stdout(): string;
  lines(): string[];
  stderr(): string;
  /** The exit code, once it has ended. */
  code: Promise<number | null>;
}

/** Begins a command line, or another program. */
function begin(args: string[], main = MAIN): Started {
  const child = spawn(process.execPath, [main, ...args], { env: machines.env, stdio: ['pipe', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (data) => (stdout += data));
  child.stderr.setEncoding('utf8').on('data', (data) => (stderr += data));
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, code, stdout: () => stdout, lines: () => stdout.split('\n').slice(0, -1), stderr: () => stderr };
}

/** Writes numbered lines, a hundred every few milliseconds: half of them, a quarter once a file is there, the rest after another; then it waits for a third, or fails where it is to. */
function writer(out: string, lines: number): string {
  const program = `const { existsSync, writeSync } = require('fs');
    const { DSTACK_NODE_RANK: rank, MUSTER_HOST: host, MUSTER_START_NUMBER: start } = process.env;
    let next = 1;
    setInterval(() => {
      const last = existsSync('${out}-more') ? ${lines} : existsSync('${out}-on') ? ${lines * 0.75} : ${lines / 2};
      const many = Math.min(100, last - next + 1);
      if (many > 0) writeSync(1, Array.from({ length: many }, (_, i) => host + ' start ' + start + ' line ' + (next + i) + '\\n').join(''));
      next += Math.max(0, many);
      if (next > ${lines} && existsSync('${out}-end')) process.exit(0);
      if (existsSync('${out}-broken') && start === '1' && rank === '1' && next > ${lines / 2}) process.exit(3);
    }, 5);`;
  return `exec node -e "${program}"`;
}

/** The numbers of the lines that a host wrote in one start, as they came. */
function numbers(lines: readonly string[], host: string, start: number): number[] {
  const mark = `${host} start ${start} line `;
  return lines.flatMap((line) => (line.includes(mark) ? [Number(line.slice(line.indexOf(mark) + mark.length))] : []));
}

/** What is wrong with numbers that are to go from one to the last, each once; in a word, where thousands would be shown. */
function faultIn(numbers: readonly number[], last: number): string {
  const at = numbers.findIndex((number, i) => number !== i + 1);
  if (at >= 0) return `after ${at} of ${numbers.length} lines comes ${numbers[at]}`;
  return numbers.length === last ? 'none' : `${numbers.length} of ${last} lines`;
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

/** The processes of commands beside a run's programs. */
function commandsOf(runId: string): number[] {
  const isOf = (pid: number) => readVariable(pid, 'MUSTER_EXEC_ID') !== undefined && readVariable(pid, 'DSTACK_RUN_ID') === runId;
  return liveProcesses().flatMap(({ pid }) => (isOf(pid) ? [pid] : []));
}

/** A command that has a process in its group and one outside, and waits for both. */
const TREE = 'sleep 1000 & setsid sleep 1000 & echo ready; wait';

it('shows every line once, in the order of its node, through a rescale and the death of an agent, which leaves no command', async () => {
  const LINES = 20_000;
  const out = join(machines.dir, 'rescaled');
  const run = await machines.start({ nodes: 4, on_resize: 'file', shell: 'sh', commands: [writer(out, LINES)] });
  const follower = begin(['logs', '--follow', run]);
  const { runId, nodes } = await untilPhase(machines.client, run, 'running');
  const [{ host = '' } = {}] = nodes.filter(({ rank }) => rank === 1);
  const command = begin(['exec', run, '--rank', '1', '--', TREE]);
  await until(command.stdout, 'ready\n', 10_000);
  await until(
    () => follower.lines().length,
    (count) => count > LINES / 10,
    10_000,
  );
  await machines.kill(agents.get(host) as ChildProcess);
  // Written while there is no agent, and then while the list changes.
  machines.touch(`${out}-on`);
  // What has left the command's group waits for the next agent, and nothing else does.
  await until(() => commandsOf(runId).length, 1, 10_000);
  agents.set(host, await machines.startHost(host));
  await until(() => commandsOf(runId), [], 10_000);
  const scaled = muster(['scale', run, '5'], machines.env);
  machines.touch(`${out}-more`);
  expect(await scaled).toMatchObject({ code: 0 });
  machines.touch(`${out}-end`);
  expect(await follower.code).toBe(0);
  const lines = follower.lines();
  expect(HOSTS.map((each) => faultIn(numbers(lines, each, 1), LINES))).toEqual(HOSTS.map(() => 'none'));
  expect(lines.length).toBe(5 * LINES);
  expect(follower.stderr()).not.toContain('not shown');
  expect(await command.code).toBe(3);
  expect(command.stderr()).toContain(`The agent of ${host} was started anew`);
  await untilNothingLeft(runId);
}, 120_000);

it('shows both starts of every node when the gang is restarted, and each generation, rank, time and tail by itself', async () => {
  const LINES = 2_000;
  const out = join(machines.dir, 'restarted');
  const run = await machines.start({ nodes: 3, restart: { attempts: 1 }, shell: 'sh', commands: [writer(out, LINES)] });
  const follower = begin(['logs', '--follow', run]);
  const linesOf = (start: number) => follower.lines().filter((line) => line.includes(` start ${start} `));
  const { nodes } = await untilPhase(machines.client, run, 'running');
  const hosts = nodes.map(({ host }) => host);
  const failing = nodes.find(({ rank }) => rank === 1)?.host ?? '';
  await until(
    () => linesOf(1).length,
    (count) => count > LINES / 2,
    10_000,
  );
  machines.touch(`${out}-broken`);
  await until(() => linesOf(2).length, (3 * LINES) / 2, 20_000);
  const since = new Date();
  machines.touch(`${out}-more`);
  machines.touch(`${out}-end`);
  expect(await follower.code).toBe(0);

  for (const host of hosts) {
    const first = numbers(linesOf(1), host, 1);
    expect([faultIn(first, first.length), faultIn(numbers(linesOf(2), host, 2), LINES)]).toEqual(['none', 'none']);
  }
  expect(numbers(linesOf(1), failing, 1)).toHaveLength(LINES / 2);
  const show = async (...args: string[]) => (await muster(['logs', run, ...args], machines.env)).stdout.trimEnd().split('\n');
  const [all, first, second, tails, longTail, told] = await Promise.all([
    show(),
    show('--generation', '1'),
    show('--generation', '2', '--rank', '1', '--raw'),
    show('--raw', '--tail', '2', '--rank', '0,1'),
    // More than the second start has: the rest is of the first.
    show('--raw', '--host', failing, '--tail', String(LINES + 1)),
    show('--json', '--since', since.toISOString()).then((lines) => lines.map((line) => JSON.parse(line) as { atMs: number; generation: number })),
  ]);
  expect(all.sort()).toEqual(follower.lines().sort());
  expect(first.sort()).toEqual(linesOf(1).sort());
  const whole = upTo(LINES).map((number) => `${failing} start 2 line ${number}`);
  expect(second).toEqual(whole);
  expect(tails.sort()).toEqual([hosts[0], hosts[1]].flatMap((host) => [LINES - 1, LINES].map((number) => `${host} start 2 line ${number}`)).sort());
  expect(longTail).toEqual([`${failing} start 1 line ${LINES / 2}`, ...whole]);
  expect(new Set(told.map(({ generation }) => generation))).toEqual(new Set([2]));
  expect(told).toHaveLength((3 * LINES) / 2);
  expect(told.map(({ atMs }) => atMs)).toEqual(told.map(({ atMs }) => atMs).sort((a, b) => a - b));
}, 120_000);

it('says in one sentence what logs and exec cannot show or run', async () => {
  const [ended, goes] = await Promise.all(['true', 'sleep 1000'].map((command) => machines.start({ nodes: 2, commands: [command] })));
  await untilPhase(machines.client, ended ?? '', 'succeeded');
  const { runId } = await untilPhase(machines.client, goes ?? '', 'running');
  const said = async (...args: (string | undefined)[]) => {
    const { code, stderr } = await muster(args.map(String), machines.env);
    return [code, stderr.trim()];
  };
  const answers = await Promise.all([
    said('logs', ended, '--rank', '2'),
    said('logs', ended, '--host', 'nowhere'),
    said('logs', ended, '--generation', '2'),
    said('exec', goes, '-r', '2', '--', 'true'),
    said('exec', goes, '--', 'true'),
    said('exec', ended, '-r', '0', '--', 'true'),
    said('exec', goes, '-r', '0', '-t', '1s', '--', 'sleep 1000'),
  ]);
  expect(answers).toEqual([
    [2, 'There is no rank 2; the run has ranks 0 to 1'],
    [2, expect.stringMatching(/^No node of the run is, or was, on nowhere; its hosts are host-\d and host-\d$/)],
    [2, 'There is no generation 2 so far; the run is in generation 1'],
    [2, 'There is no rank 2; the run has ranks 0 to 1'],
    [2, 'Say on which node, with --rank, or --all: the run has ranks 0 to 1'],
    [1, `The run ${ended} has ended already`],
    [4, expect.stringContaining('was ended: it took longer than 1 s')],
  ]);
  expect(commandsOf(runId)).toEqual([]);
  expect((await muster(['stop', '--now', goes ?? ''], machines.env)).code).toBe(0);
}, 120_000);

it("runs commands in a node's place, which end with Ctrl-C, with their client and with their node, and have the current list", async () => {
  const out = join(machines.dir, 'place');
  const program = `env -0 > ${out}-$DSTACK_NODE_RANK; echo "it runs"; until [ -e ${out}-end ]; do sleep 0.1; done`;
  const run = await machines.start({ nodes: 2, on_resize: 'file', env: { MINE: 'a "b"\n$c' }, commands: [program] });
  const { runId, nodes } = await untilPhase(machines.client, run, 'running');
  const piped = begin(['exec', run, '-r', '0', '-i', '--', 'sha256sum; head -c 5000000 /dev/zero | tr "\\0" x; echo end']);
  piped.child.stdin?.end(Buffer.alloc(1_000_000, 'y'));
  const interrupted = begin(['exec', run, '-r', '0', '--', TREE]);
  const client = join(machines.dir, 'client.mjs');
  writeFileSync(
    client,
    `import { connect } from ${JSON.stringify(new URL('./client/index.js', `file://${MAIN.replace(/cli\/main\.js$/, '')}`).href)};
     const muster = await connect({ temporal: { address: ${JSON.stringify(machines.address)}, namespace: 'default' } });
     await muster.runs.get('${run}').exec({ rank: 0, command: '${TREE}', leaseMs: 2_000, onOutput: ({ data }) => void process.stdout.write(data) });`,
  );
  const killed = begin([], client);
  const [one, all] = await Promise.all([
    muster(['exec', run, '--rank', '1', '--', 'env -0; pwd >&2; exit 7'], machines.env),
    muster(['exec', run, '--all', '--', 'echo "on $MUSTER_HOST"; exit $DSTACK_NODE_RANK'], machines.env),
  ]);

  const own = readFileSync(`${out}-1`, 'utf8').split('\0');
  const theirs = one.stdout.split('\0');
  expect(theirs.filter((each) => !own.includes(each)).map((each) => each.split('=')[0])).toEqual(['MUSTER_EXEC_ID']);
  expect(own.filter((each) => !theirs.includes(each))).toEqual([]);
  expect([one.code, one.stderr]).toEqual([7, `${theirs.find((each) => each.startsWith('DSTACK_WORKING_DIR='))?.split('=')[1]}\n`]);
  expect(all.code).toBe(1);
  expect(all.stdout.trim().split('\n').sort()).toEqual(nodes.map(({ rank, host }) => `${rank} ${host} │ on ${host}`).sort());
  expect(await piped.code).toBe(0);
  expect(piped.stdout().slice(0, 64)).toBe(createHash('sha256').update(Buffer.alloc(1_000_000, 'y')).digest('hex'));
  expect([piped.stdout().length, piped.stdout().slice(-7)]).toEqual([68 + 5_000_004, 'xxxend\n']);

  await until(interrupted.stdout, 'ready\n', 10_000);
  await until(killed.stdout, 'ready\n', 10_000);
  interrupted.child.kill('SIGINT');
  killed.child.kill('SIGKILL');
  expect(await interrupted.code).toBe(130);
  await until(() => commandsOf(runId), [], 10_000);
  expect((await statusOf(machines.client, run)).nodes.map(({ state }) => state)).toEqual(['running', 'running']);

  const attached = begin(['attach', run, '--raw']);
  const detached = begin(['attach', run, '--tail', '0']);
  await until(detached.stderr, (said) => said.includes('generation 1'), 10_000);
  expect((await muster(['scale', run, '3'], machines.env)).code).toBe(0);
  const stubborn = begin(['exec', run, '-r', '2', '--', `trap "" TERM HUP INT; ${TREE}`]);
  const { stdout } = await muster(['exec', run, '-a', '--raw', '--', 'echo $DSTACK_NODES_IPS $MUSTER_GENERATION $MUSTER_OLD_NODES_IPS'], machines.env);
  expect(stdout).toMatch(/^(127\.42\.0\.\d 127\.42\.0\.\d 127\.42\.0\.\d 2\n)\1\1$/);
  await until(attached.stdout, 'it runs\n'.repeat(3), 10_000);
  // Of who was there before, nothing; of who came since, all.
  await until(detached.lines, (lines) => lines.length === 1 && /^2 host-\d │ it runs$/.test(lines[0] ?? ''), 10_000);
  detached.child.kill('SIGINT');
  expect(await detached.code).toBe(130);
  expect(detached.stderr()).toContain(`${run} goes on; \`muster attach ${run}\` follows it again`);
  await until(stubborn.stdout, 'ready\n', 10_000);
  machines.touch(`${out}-end`);
  expect(await stubborn.code).toBe(137);
  expect(stubborn.stderr()).toMatch(/^node 2 on host-\d has ended, and the command with it$/m);
  expect(await attached.code).toBe(0);
  expect(attached.stderr()).toContain(`${run} succeeded`);
  await untilNothingLeft(runId);
}, 120_000);
