import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Check } from '../../client/index.js';
import type { HostFacts } from '../../spec/fleet.js';
import { controlQueue, DEFAULT_FLEET, fleetWorkflowId } from '../../spec/ids.js';
import { hostAnnounced, hosts as hostsQuery, WORKFLOW_TYPES } from '../../spec/messages.js';
import { OWN_PROTOCOL } from '../../spec/protocol.js';
import { findTemporalBinary } from '../../workers/server/find.js';
import { endTied, MAIN, muster, type Said, untilAnnounced, withoutTemporal } from '../helpers/machines.js';
import { until } from '../helpers/until.js';

// A server as it comes, unlike that of `muster dev`.
let server: TestWorkflowEnvironment;
let env: NodeJS.ProcessEnv;
let dir: string;
const children: ReturnType<typeof spawn>[] = [];

const launch = (args: string[]) => {
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['pipe', 'ignore', 'inherit'] });
  children.push(child);
};
const checksOf = ({ stdout }: Said): Record<string, Check> =>
  Object.fromEntries(
    stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Check)
      .map((check) => [check.check, check]),
  );

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'muster-doctor-'));
  const path = await findTemporalBinary({ say: () => undefined });
  server = await TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'existing-path', path }, log: { format: 'pretty', level: 'never' } } });
  env = { ...withoutTemporal(process.env), MUSTER_SERVER: server.address };
});

afterAll(async () => {
  await endTied(children);
  await server?.teardown();
  rmSync(dir, { recursive: true, force: true });
});

it('says in one line that Temporal is away, and how it is found', async () => {
  const { code, stdout, stderr } = await muster(['doctor'], { ...env, MUSTER_SERVER: '127.0.0.1:1' });
  expect([code, stderr]).toEqual([1, '1 problem, 0 warnings\n']);
  expect(stdout).toMatch(/^problem {2}temporal +Temporal cannot be reached at 127\.0\.0\.1:1 \(.+\)\n +→ Start it, or set TEMPORAL_ADDRESS; .*\n/);
  expect(stdout).not.toMatch(/\bat .*[jt]s:\d/);
  const wrong = await muster(['doctor'], { ...env, MUSTER_SERVER: 'nonsense:::1' });
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    'The Temporal address nonsense:::1 cannot be read: it is a host and a port such as temporal.example.org:7233\n',
  ]);
});

it('says that nobody decides and that there are no hosts, and with which commands there will be', async () => {
  const said = await muster(['doctor', '--json'], env);
  const checks = checksOf(said);
  expect(said.code).toBe(1);
  expect(checks['server']).toMatchObject({ verdict: 'ok', found: expect.stringContaining('1 history shard') });
  expect(checks['namespace']).toMatchObject({ verdict: 'ok', found: 'default knows ended runs for 1 d' });
  expect(checks['search attributes']).toMatchObject({
    verdict: 'warning',
    mend: expect.stringContaining('temporal operator search-attribute create --address'),
  });
  expect(checks['control workers']).toMatchObject({
    verdict: 'problem',
    found: expect.stringContaining('none serves muster.default'),
    mend: 'start one: muster control',
  });
  expect(checks['hosts']).toMatchObject({ verdict: 'problem', mend: 'muster host makes a machine one' });
  expect(checks['steps']).toMatchObject({ verdict: 'warning', mend: expect.stringContaining('history.transferProcessorMaxPollRPS=5000') });
});

it('names the namespace that is not there', async () => {
  const said = await muster(['doctor', '--json'], { ...env, MUSTER_SERVER: '', TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: 'elsewhere' });
  expect([said.code, checksOf(said)['namespace']]).toMatchObject([1, { verdict: 'problem', found: 'there is no namespace elsewhere' }]);
});

it('warns of the polls of 200 hosts on a server with the default limit, with the setting to change', async () => {
  launch(['control', '--dev-stack']);
  launch(['host', '--dev-stack', '--name', 'real', '--address', '127.78.0.1', '--data', join(dir, 'real')]);
  await untilAnnounced(server.client, 'real', 0);
  const names = Array.from({ length: 199 }, (_, i) => `paper-${i + 1}`);
  for (let i = 0; i < names.length; i += 20) await Promise.all(names.slice(i, i + 20).map(announceOnPaper));
  const known = () => server.client.workflow.getHandle(fleetWorkflowId(DEFAULT_FLEET)).query(hostsQuery);
  await until(async () => (await known()).length, 200, 60_000);

  const said = await muster(['doctor', '--json'], env);
  const checks = checksOf(said);
  expect(checks['hosts']).toMatchObject({ verdict: 'ok', found: '200 hosts: 200 free' });
  expect(checks['polls']).toMatchObject({ verdict: 'warning', found: expect.stringContaining('200 hosts') });
  expect(checks['polls']?.found).toContain('1,200 that the namespace allows at once (the server’s default, which is assumed');
  expect(checks['polls']?.mend).toContain('set frontend.namespaceCount to 4000 in the server’s dynamic config');
  expect(checks['control workers']).toMatchObject({
    verdict: 'ok',
    found: expect.stringMatching(/^1 worker of muster\.default \(\d+\.\d+\.\d+\): muster-control\//),
  });
  expect(checks['agents']).toMatchObject({ verdict: 'warning', found: expect.stringMatching(/^1\d\d of 200 hosts do not answer now: paper-1/) });
  expect(checks['disks']).toMatchObject({ found: expect.stringContaining('GiB') });
  expect(checks['clocks']).toMatchObject({ verdict: 'ok', found: expect.stringContaining('1 host ') });
  expect(checks['versions']?.found).toContain(`Node.js ${process.versions.node} (1)`);
  // Warnings are no failure.
  expect([said.code, Object.values(checks).filter(({ verdict }) => verdict === 'problem')]).toEqual([0, []]);
}, 180_000);

/** A host that is announced, and served by nobody. */
async function announceOnPaper(host: string, at: number): Promise<void> {
  const address = `10.0.${at}.${host.split('-')[1]}`;
  const facts: HostFacts = {
    ...{ host, identity: `identity-of-${host}`, address, candidates: [], told: { address, network: null, interface: null } },
    ...{ cpus: 1, memoryMb: 1_024, gpus: 0, gpuModel: null, gpuMemoryMb: null, labels: {}, version: '0.1.0', protocol: OWN_PROTOCOL },
  };
  await server.client.workflow.signalWithStart(WORKFLOW_TYPES.fleet, {
    ...{ workflowId: fleetWorkflowId(DEFAULT_FLEET), taskQueue: controlQueue(DEFAULT_FLEET), args: [{ fleet: DEFAULT_FLEET }] },
    ...{ signal: hostAnnounced, signalArgs: [{ facts, runs: [], rebuilt: false, leaving: false, drained: false }] },
  });
}
