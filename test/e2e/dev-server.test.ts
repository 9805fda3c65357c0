import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { readSearchAttributes } from '../../activities/control/search-attributes.js';
import { judgeSearchAttributes, registerCommand, SEARCH_ATTRIBUTE_NAMES } from '../../spec/search-attributes.js';
import { findTemporalBinary } from '../../workers/server/find.js';
import { type DevServer, type DevServerOptions, PortTaken, ServerNotReady, startDevServer } from '../../workers/server/start.js';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

let binary: string;
let scratch: string;
const servers: DevServer[] = [];

beforeAll(async () => {
  binary = await findTemporalBinary({ say: (line) => console.log(line) });
}, 180_000);

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'muster-dev-server-'));
  process.env.MUSTER_TEST_SCRATCH = scratch;
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  let left: string[] = [];
  const nothingIsLeft = async (): Promise<boolean> => {
    left = await processesOf(scratch);
    return left.length === 0;
  };
  await until(nothingIsLeft, 2_000, () => `nothing is left (${left.join('; ')})`);
  delete process.env.MUSTER_TEST_SCRATCH;
  await rm(scratch, { recursive: true, force: true });
});

async function start(more: Partial<DevServerOptions> = {}): Promise<DevServer> {
  const server = await startDevServer({ binary, logFile: join(scratch, 'server.log'), tiedTo: 'parent', ...more });
  servers.push(server);
  return server;
}

/** The commands of all processes that a test started, by the environment they inherited; on a system without /proc none is seen. */
async function processesOf(directory: string): Promise<string[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const read = (pid: string, file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
  const ours = await Promise.all(pids.map(async (pid) => (await read(pid, 'environ')).includes(`MUSTER_TEST_SCRATCH=${directory}\0`)));
  return await Promise.all(pids.filter((_, place) => ours[place]).map(async (pid) => `${pid} ${(await read(pid, 'cmdline')).slice(0, 100)}`));
}

async function until(isSo: () => boolean | Promise<boolean>, limitMs: number, what: () => string): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`${what()}: not within ${limitMs} ms`);
    await delay(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function withClient<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

const startSome = (client: Client): Promise<unknown> => client.workflow.start('nobody', { taskQueue: 'nobody', workflowId: 'some' });

async function occupy(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

it('takes a workflow as soon as it is started, and serves its Web UI', async () => {
  const server = await start();
  await withClient(server.address, startSome);
  expect((await fetch(server.uiUrl)).status).toBe(200);
}, 30_000);

it('is gone, with what was to be removed, when stop() resolves', async () => {
  const passing = join(scratch, 'passing place');
  await mkdir(passing);
  const server = await start({ removeOnExit: [passing] });
  await Promise.all([server.stop(), server.stop()]);
  expect(isAlive(server.pid)).toBe(false);
  expect(existsSync(passing)).toBe(false);
  expect(await server.exited).toBe(null);
  (await occupy(Number(new URL(`tcp://${server.address}`).port))).close();
}, 30_000);

it('knows its workflows again on the same port when it has a file', async () => {
  const dbFile = join(scratch, 'server.db');
  const first = await start({ dbFile });
  await withClient(first.address, startSome);
  await first.stop();
  expect(await first.exited).toBe(0);
  const second = await start({ dbFile, port: Number(new URL(`tcp://${first.address}`).port) });
  const { status } = await withClient(second.address, (client) => client.workflow.getHandle('some').describe());
  expect(status.name).toBe('RUNNING');
}, 30_000);

it('refuses a given port that is taken and says what to do', async () => {
  const other = await occupy(0);
  const { port } = other.address() as { port: number };
  try {
    await expect(start({ port })).rejects.toThrow(new PortTaken(port, '127.0.0.1', '--port'));
    await expect(start({ uiPort: port })).rejects.toThrow(`Port ${port} on 127.0.0.1 is in use; stop what listens there or pass --ui-port`);
  } finally {
    other.close();
  }
});

it('fails with the last lines of the log when the program ends before it is ready', async () => {
  const broken = join(scratch, 'broken');
  await writeFile(broken, '#!/bin/sh\necho start-dev: the disk is on fire >&2\nexit 4\n', { mode: 0o755 });
  const failure = await start({ binary: broken }).catch((error: Error) => error);
  expect(failure).toBeInstanceOf(ServerNotReady);
  expect((failure as Error).message).toMatch(/ended with exit code 4 before it was ready\. The last lines of .*server\.log:\nstart-dev: the disk is on fire$/);
});

it('tells that it was killed by others', async () => {
  const server = await start();
  process.kill(server.pid, 'SIGKILL');
  expect(await server.exited).toBe(null);
}, 30_000);

it('is gone within two seconds, with what was to be removed, when the process that started it is killed by SIGKILL', async () => {
  const passing = join(scratch, 'passing');
  await mkdir(passing);
  const parent = await startParent({ binary, logFile: join(scratch, 'server.log'), tiedTo: 'parent', removeOnExit: [passing] });
  expect(isAlive(parent.serverPid)).toBe(true);
  parent.process.kill('SIGKILL');
  await until(
    () => !isAlive(parent.serverPid) && !existsSync(passing),
    2_000,
    () => 'the server is gone',
  );
}, 30_000);

it('outlives an interrupt of the process group that started it', async () => {
  const parent = await startParent({ binary, logFile: join(scratch, 'server.log'), tiedTo: 'parent' });
  const interrupted = new Promise<void>((resolve) => parent.lines.once('line', () => resolve()));
  process.kill(-(parent.process.pid as number), 'SIGINT');
  await interrupted;
  await withClient(parent.address, startSome);
  parent.process.kill('SIGKILL');
  await until(
    () => !isAlive(parent.serverPid),
    2_000,
    () => 'the server is gone',
  );
}, 30_000);

interface Parent {
  process: ChildProcess;
  lines: ReturnType<typeof createInterface>;
  serverPid: number;
  address: string;
}

/** A process of its own that starts a dev server, says so, ignores an interrupt but for a line about it, and waits. */
async function startParent(options: DevServerOptions): Promise<Parent> {
  const compiled = await compileStart();
  const program = join(compiled, 'parent.js');
  await writeFile(
    program,
    `import { startDevServer } from './start.js';
    process.on('SIGINT', () => console.log('interrupted'));
    const { pid, address } = await startDevServer(${JSON.stringify(options)});
    console.log(JSON.stringify({ pid, address }));`,
  );
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const lines = createInterface({ input: child.stdout });
  const line = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the parent ended with ${code}`)));
  });
  const { pid, address } = JSON.parse(line) as { pid: number; address: string };
  return { process: child, lines, serverPid: pid, address };
}

async function compileStart(): Promise<string> {
  const to = join(scratch, 'compiled');
  const tsc = join(REPOSITORY, 'node_modules', '.bin', 'tsc');
  const settings = ['--target', 'es2023', '--module', 'nodenext', '--skipLibCheck', '--types', 'node', '--ignoreConfig'];
  await promisify(execFile)(tsc, [...settings, '--rootDir', REPOSITORY, '--outDir', to, join(REPOSITORY, 'workers', 'server', 'start.ts')], {
    cwd: REPOSITORY,
  });
  await writeFile(join(to, 'package.json'), '{"type":"module"}');
  await symlink(join(REPOSITORY, 'node_modules'), join(to, 'node_modules'));
  return join(to, 'workers', 'server');
}

it('has the search attributes of runs, and the command registers one that is missing', async () => {
  const server = await start();
  await withClient(server.address, async (client) => {
    const judged = async () => judgeSearchAttributes((await readSearchAttributes(client)) ?? {});
    expect(await judged()).toEqual({ usable: SEARCH_ATTRIBUTE_NAMES, missing: [], mistyped: [] });
    await client.connection.operatorService.removeSearchAttributes({ namespace: 'default', searchAttributes: ['MusterHosts'] });
    let found = await judged();
    await until(
      async () => {
        found = await judged();
        return found.missing.length === 1;
      },
      20_000,
      () => `one is missing (${JSON.stringify(found)})`,
    );
    expect(found.missing).toEqual(['MusterHosts']);
    const [, ...words] = registerCommand(found.missing, { namespace: 'default', address: server.address }).split(' ');
    await promisify(execFile)(binary, words);
    await until(
      async () => (await judged()).usable.includes('MusterHosts'),
      20_000,
      () => 'it is registered',
    );
  });
});
