import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Agent } from '../../../activities/host/agent.js';
import type { NodeStart } from '../../../activities/host/node-start.js';
import { replaceFile } from '../../../activities/host/replace-file.js';
import { RosterNews } from '../../../activities/host/roster-news.js';
import { serveRosters } from '../../../activities/host/roster-socket.js';
import { MOST_WATCHERS } from '../../../activities/host/roster-watchers.js';
import { rosterPath, startDir } from '../../../activities/host/store.js';
import { MAIN, muster } from '../../helpers/machines.js';
import { until } from '../../helpers/until.js';

const RUN = '11111111-2222-3333-4444-555555555555';
const COOKIE = `${RUN}/host-1/1`;

let dir: string;
let agent: Agent;
let seat: { record: { end: unknown } };
let socket: { close(): void } | undefined;
const children: ChildProcess[] = [];
const others: (Server | Socket)[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'muster-nodes-'));
  agent = { host: 'host-1', dataDir: dir, socketPath: join(dir, 'agent.sock'), rosterNews: new RosterNews() } as unknown as Agent;
  seat = { record: { end: null } };
  mkdirSync(startDir(dir, RUN, 1), { recursive: true });
  put(1, 2);
  await begin();
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const other of others.splice(0)) 'destroy' in other ? other.destroy() : other.close();
  die();
  rmSync(dir, { recursive: true });
});

/** The real socket of an agent, over a start that is nothing but its files. */
async function begin(): Promise<void> {
  socket = await serveRosters(agent, { get: () => seat as unknown as NodeStart });
}

function die(): void {
  socket?.close();
  socket = undefined;
}

function put(generation: number, count: number): void {
  const nodes = Array.from({ length: count }, (_, rank) => ({ rank, address: `10.0.0.${rank + 1}`, host: `host-${rank + 1}` }));
  replaceFile(rosterPath(dir, RUN, 1), JSON.stringify({ runId: RUN, generation, rank: 0, nodes }));
  agent.rosterNews.tell(RUN, 1);
}

function end(): void {
  seat.record.end = { kind: 'exited' };
  agent.rosterNews.tell(RUN, 1);
}

const env = () => ({ PATH: process.env['PATH'], MUSTER_SOCKET: agent.socketPath, MUSTER_COOKIE: COOKIE });

/** The command at work: its lines so far, and its end. */
function start(args: string[], more = {}): { lines: string[]; said: string[]; code: Promise<number | null> } {
  const child = spawn(process.execPath, [MAIN, 'nodes', ...args], { env: { ...env(), ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const [lines, said]: string[][] = [[], []];
  createInterface({ input: child.stdout }).on('line', (line) => lines?.push(line));
  createInterface({ input: child.stderr }).on('line', (line) => said?.push(line));
  return { lines: lines ?? [], said: said ?? [], code: new Promise((resolve) => child.once('close', resolve)) };
}

it('prints the list, an address a line, or the roster file', async () => {
  expect(await muster(['nodes'], env())).toEqual({ code: 0, stdout: '10.0.0.1\n10.0.0.2\n', stderr: '' });
  const { code, stdout } = await muster(['nodes', '--json'], env());
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { runId: RUN, generation: 1, rank: 0, nodes: [{ rank: 0, address: '10.0.0.1' }, { rank: 1 }] }]);
});

it('prints each list as it comes, and ends well with the start', async () => {
  const [plain, json] = [start(['--watch']), start(['--watch', '--json'])];
  await until(() => [plain.lines, json.lines.length], [['1 10.0.0.1 10.0.0.2'], 1]);
  put(2, 3);
  await until(() => plain.lines.slice(1), ['2 10.0.0.1 10.0.0.2 10.0.0.3']);
  await until(() => json.lines.map((line) => JSON.parse(line).nodes.length), [2, 3]);
  end();
  expect([await plain.code, await json.code]).toEqual([0, 0]);
  expect(plain.lines).toHaveLength(2);
});

it('goes on with the next agent, and prints no generation twice and no lower one', async () => {
  const watch = start(['--watch']);
  await until(() => watch.lines.length, 1);
  put(5, 1);
  await until(() => watch.lines.length, 2);
  die();
  await begin();
  put(4, 2);
  put(5, 1);
  put(6, 2);
  await until(() => watch.lines, ['1 10.0.0.1 10.0.0.2', '5 10.0.0.1', '6 10.0.0.1 10.0.0.2']);
  die();
  end();
  await begin();
  expect(await watch.code).toBe(0);
  expect([watch.lines.length, watch.said]).toEqual([3, []]);
});

it('waits for an agent that is not there yet', async () => {
  die();
  const once = start([]);
  const watch = start(['--watch']);
  await begin();
  expect(await once.code).toBe(0);
  expect(once.lines).toEqual(['10.0.0.1', '10.0.0.2']);
  await until(() => watch.lines, ['1 10.0.0.1 10.0.0.2']);
});

it('fails with 3 and one sentence when no agent comes for as long as it was to wait', async () => {
  const watch = start(['--watch', '--patience', '300ms']);
  await until(() => watch.lines.length, 1);
  die();
  expect(await watch.code).toBe(3);
  expect(watch.said).toEqual([`The agent of this host has not answered for 300 ms at ${agent.socketPath}: there is no such socket`]);
});

it('says so when an agent takes the question and does not answer', async () => {
  die();
  const silent = createServer((connection) => void others.push(connection)).listen(agent.socketPath);
  others.push(silent);
  const { code, stderr } = await muster(['nodes', '--patience', '0'], env());
  expect([code, stderr]).toMatchObject([3, expect.stringContaining('it takes the question and says nothing\n')]);
});

it('returns when enough nodes are in', async () => {
  expect((await muster(['nodes', '--wait', '2'], env())).stdout).toBe('10.0.0.1\n10.0.0.2\n');
  const wait = start(['--wait', '4', '--timeout', '60d']);
  put(2, 3);
  put(3, 5);
  expect(await wait.code).toBe(0);
  expect(wait.lines).toHaveLength(5);
});

it('gives up waiting with 4, and says how many are in', async () => {
  const late = { code: 4, stdout: '', stderr: 'Timed out after 500 ms: 2 of 3 nodes are in, in generation 1\n' };
  expect(await muster(['nodes', '--wait', '3', '--timeout', '500ms'], env())).toEqual(late);
  die();
  const { code, stderr } = await muster(['nodes', '--wait', '3', '--timeout', '100ms'], env());
  expect([code, stderr]).toEqual([4, 'Timed out after 100 ms: its agent has not answered\n']);
});

it('fails when the start ends before enough nodes are in', async () => {
  end();
  const { code, stderr } = await muster(['nodes', '--wait', '3'], env());
  expect([code, stderr]).toEqual([1, 'The start of this node has ended: 2 of 3 nodes are in, in generation 1\n']);
});

it.each([
  ['outside of a job', [], { MUSTER_SOCKET: '' }, '`muster nodes` works inside a job only: MUSTER_SOCKET and MUSTER_COOKIE, which each node has, are not set'],
  ['with a cookie that the agent does not know', ['--watch'], { MUSTER_COOKIE: `${COOKIE}0` }, 'The agent of host host-1 knows no node with this cookie'],
  ['with --watch and --wait', ['--watch', '--wait', '2'], {}, '--watch and --wait cannot go together'],
  ['with a time-out for nothing', ['--timeout', '5m'], {}, '--timeout goes with --wait'],
  ['with a patience that is none', ['--patience', 'much'], {}, '"much" is not a duration such as 30s, 5m or 1h30m'],
])('says one sentence and ends with 2 %s', async (_, args, more, sentence) => {
  expect(await muster(['nodes', ...args], { ...env(), ...more })).toEqual({ code: 2, stdout: '', stderr: `${sentence}\n` });
});

it('says so when as many follow as may, and still answers once', async () => {
  const heard: number[] = [];
  for (let at = 0; at < MOST_WATCHERS; at++) {
    const one = connect(agent.socketPath, () => one.write(`${COOKIE} watch\n`)).once('data', () => heard.push(at));
    others.push(one);
  }
  await until(() => heard.length, MOST_WATCHERS);
  const { code, stderr } = await muster(['nodes', '--watch'], env());
  expect([code, stderr]).toEqual([1, '256 programs follow the list on host host-1 already, and no more may\n']);
  expect((await muster(['nodes'], env())).code).toBe(0);
});

it('ends with the next list when who reads it has left', async () => {
  const child = spawn('sh', ['-c', '{ "$@"; echo $? >&2; } | head -n 1', 'sh', process.execPath, MAIN, 'nodes', '--watch'], { env: env(), stdio: 'pipe' });
  children.push(child);
  const [stdout, stderr]: string[][] = [[], []];
  child.stdout.on('data', (data) => stdout?.push(String(data)));
  child.stderr.on('data', (data) => stderr?.push(String(data)));
  await until(() => stdout, ['1 10.0.0.1 10.0.0.2\n']);
  let generation = 1;
  await until(() => {
    put(++generation, 1);
    return stderr;
  }, ['141\n']);
});

it('loads neither the SDK nor what other verbs need', async () => {
  const loader = 'data:text/javascript,export async function load(url, context, next) { process._rawDebug(url); return next(url, context); }';
  const hook = `data:text/javascript,import { register } from 'node:module'; register(${JSON.stringify(loader)});`;
  const { code, stderr } = await muster(['nodes'], { ...env(), NODE_OPTIONS: `--no-warnings --import=${encodeURI(hook)}` });
  expect(code).toBe(0);
  const packages = stderr.split('\n').flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  expect([...new Set(packages)].sort()).toEqual(['commander', 'picocolors']);
});
