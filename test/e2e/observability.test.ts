import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { connect, type Muster } from '../../client/index.js';
import { METRICS, type MetricName, prometheusName } from '../../spec/metrics.js';
import { CONTROL_ACTIVITY_POLLS, HOST_ACTIVITY_POLLS } from '../../spec/polls.js';
import { findTemporalBinary } from '../../workers/server/find.js';
import { type DevServer, startDevServer } from '../../workers/server/start.js';
import { muster as command, endTied, MAIN, untilAnnounced, withoutTemporal } from '../helpers/machines.js';
import { until } from '../helpers/until.js';
import { describeWhere } from '../helpers/where-possible.js';

const EXAMPLE = fileURLToPath(new URL('../../docs/observability', import.meta.url));
const HOSTS = { 'h-1': '127.81.0.1', 'h-2': '127.81.0.2' };
const CONTROL_METRICS = '127.81.0.10:9464';
const PROMETHEUS = '127.81.0.20:9464';
const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;

let dir: string;
let server: DevServer;
let muster: Muster;
const children: { process: ChildProcess; lines: string[] }[] = [];

/** A process that is asked to end by the end of its standard input, with what it said on stderr. */
function launch(program: string, args: string[], env: NodeJS.ProcessEnv): { process: ChildProcess; lines: string[] } {
  const process = spawn(program, args, { env, stdio: ['pipe', 'ignore', 'pipe'] });
  const child = { process, lines: [] as string[] };
  let rest = '';
  process.stderr?.setEncoding('utf8').on('data', (data: string) => {
    const lines = `${rest}${data}`.split('\n');
    rest = lines.pop() ?? '';
    child.lines.push(...lines);
  });
  children.push(child);
  return child;
}

let control: { lines: string[] };
const agents = new Map<string, { lines: string[] }>();
/** What was logged, one event a line; other lines are words for people. */
const logged = ({ lines }: { lines: string[] }) => lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'muster-metrics-'));
  server = await startDevServer({ binary: await findTemporalBinary({ say: () => undefined }), logFile: join(dir, 'server.log'), tiedTo: 'parent' });
  const env = { ...withoutTemporal(process.env), MUSTER_SERVER: server.address, MUSTER_LOG: 'info' };
  control = launch(process.execPath, [MAIN, 'control', '--dev-stack', '--metrics', CONTROL_METRICS], env);
  for (const [name, address] of Object.entries(HOSTS)) {
    const own = ['--name', name, '--address', address, '--data', join(dir, name), '--metrics', `${address}:9464`];
    agents.set(name, launch(process.execPath, [MAIN, 'host', '--dev-stack', ...own], env));
  }
  const temporal = { address: server.address, namespace: 'default' };
  muster = await connect({ temporal });
  const { dial } = await import('../../connection/dial.js');
  const client = await dial(temporal);
  for (const name of Object.keys(HOSTS)) await untilAnnounced(client, name, 0);
  await client.connection.close();
});

afterAll(async () => {
  await muster?.close();
  const started = children.map(({ process: child }) => child);
  // It does not end with its standard input.
  for (const child of started) if (child.spawnfile.endsWith('prometheus')) child.kill('SIGTERM');
  await endTied(started);
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A run that fails once, starts again, and is rescaled. */
async function eventfulRun(name: string, meanwhile: () => Promise<unknown> = async () => undefined): Promise<string> {
  const done = join(dir, `${name}-done`);
  const commands = [`[ "$MUSTER_START_REASON" != first ] || exit 3`, `until [ -e ${done} ]; do sleep 0.05; done`];
  const run = await muster.runs.start({ name, nodes: 1, commands, restart: 1, preflight: 'off' }, { id: name });
  await until(async () => (await run.status()).phase === 'running' && (await run.status()).restarts === 1, true, 60_000);
  await run.rescale(2);
  await until(async () => (await run.status()).phase, 'running', 60_000);
  await meanwhile();
  writeFileSync(done, '');
  expect((await run.wait({ limitMs: 60_000 })).phase).toBe('succeeded');
  return name;
}

it('agents and control workers log a run, one event a line, with the same fields', async () => {
  const run = await eventfulRun('logged');
  const ofRun = (child: { lines: string[] } | undefined) => (child ? logged(child).filter((line) => line['run'] === run) : []);
  const ended = () => [...agents.values()].flatMap(ofRun).filter(({ event }) => event === 'node-ended');
  await until(
    () => ended().length,
    (count) => count >= 4,
    10_000,
  );
  expect(ended()).toContainEqual(
    expect.objectContaining({
      ...{ level: 'warn', name: 'muster-host', fleet: 'default', rank: 0, generation: 1, start: 1 },
      cause: 'CommandFailed',
      exitCode: 3,
    }),
  );
  const last = () => ofRun(control).at(-1);
  await until(last, (line) => line?.['phase'] === 'succeeded', 10_000);
  const phases = ofRun(control).filter(({ event }) => event === 'phase');
  expect(phases[0]).toMatchObject({ level: 'info', name: 'muster-control', fleet: 'default', phase: 'queued', reason: 'WaitingForHosts' });
  expect(phases.map(({ phase }) => phase)).toEqual(
    expect.arrayContaining(['queued', 'gathering', 'starting', 'running', 'restarting', 'resizing', 'succeeded']),
  );
  expect(ofRun(control)).toContainEqual(expect.objectContaining({ event: 'failure', level: 'warn', rank: 0, generation: 1, reason: 'CommandFailed' }));
  for (const line of [control, ...agents.values()].flatMap(logged))
    expect(line).toMatchObject({ event: expect.any(String), time: expect.stringMatching(/^\d{4}-.*Z$/) });
}, 120_000);

it('an address for metrics that is taken is a usage error', async () => {
  const env = { ...withoutTemporal(process.env), MUSTER_SERVER: server.address };
  const { code, stderr } = await command(['control', '--metrics', CONTROL_METRICS], env);
  expect([code, stderr]).toEqual([2, `--metrics: ${CONTROL_METRICS} is in use\n`]);
  const wrong = await command(['host', '--metrics', 'everywhere'], env);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/^--metrics takes an address and a port .*not "everywhere"\n$/)]);
});

describeWhere(hasPrometheus, 'the dashboard needs Prometheus (apt-get install prometheus)')('a real Prometheus', () => {
  const query = async (expr: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> => {
    const answer = await fetch(`http://${PROMETHEUS}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const { status, data, error } = (await answer.json()) as { status: string; data?: { result: [] }; error?: string };
    if (status !== 'success') throw new Error(`${expr}: ${error}`);
    return data?.result ?? [];
  };
  const numberOf = async (expr: string) => Number((await query(expr))[0]?.value[1]);

  beforeAll(async () => {
    const config = parse(readFileSync(join(EXAMPLE, 'prometheus.yml'), 'utf8'));
    config.global.scrape_interval = '500ms';
    config.rule_files = [join(EXAMPLE, 'muster-alerts.yml')];
    const targets: Record<string, string[]> = { 'muster-control': [CONTROL_METRICS], 'muster-host': Object.values(HOSTS).map((address) => `${address}:9464`) };
    for (const job of config.scrape_configs) job.static_configs = [{ targets: targets[job.job_name] }];
    writeFileSync(join(dir, 'prometheus.yml'), stringify(config));
    const place = [`--config.file=${join(dir, 'prometheus.yml')}`, `--storage.tsdb.path=${join(dir, 'tsdb')}`, `--web.listen-address=${PROMETHEUS}`];
    launch('prometheus', [...place, '--log.level=warn'], { PATH: process.env['PATH'] });
    await until(() => numberOf('sum(up)'), 3, 60_000);
    // Rates need what was there before, and what has come since.
    await until(() => numberOf('sum(muster_rescales_total)'), 1, 30_000);
    await until(() => numberOf('count(count_over_time(muster_rescales_total[1h]) >= 2)'), 1, 30_000);
    await eventfulRun('measured', () => until(() => numberOf('sum(max by (phase) (muster_runs))'), 1, 60_000));
    await until(() => numberOf('sum(muster_runs_ended_total{phase="succeeded",reason="Succeeded"})'), 2, 30_000);
  }, 180_000);

  it('has data for every query of the dashboard', async () => {
    const { panels } = JSON.parse(readFileSync(join(EXAMPLE, 'grafana-dashboard.json'), 'utf8')) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    const exprs = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect(exprs.length).toBeGreaterThan(20);
    for (const expr of exprs) {
      const isFed = (result: Awaited<ReturnType<typeof query>>) => result.length > 0 && result.some(({ value }) => Number.isFinite(Number(value[1])));
      await until(() => query(expr.replaceAll('$fleet', '.*')), isFed, 15_000).catch((error: unknown) => expect.fail(`${expr}: ${error}`));
    }
  }, 120_000);

  it('understands every alert, and knows every metric that docs/observability.md names but those of losses', async () => {
    const { groups } = parse(readFileSync(join(EXAMPLE, 'muster-alerts.yml'), 'utf8')) as { groups: { rules: { expr: string }[] }[] };
    for (const { expr } of groups.flatMap(({ rules }) => rules)) await query(expr);
    const answer = await fetch(`http://${PROMETHEUS}/api/v1/label/__name__/values`);
    const known = ((await answer.json()) as { data: string[] }).data.map((name) => name.replace(/_(bucket|sum|count)$/, ''));
    const lacking = (Object.keys(METRICS) as MetricName[]).filter((name) => !known.includes(prometheusName(name)));
    expect(lacking).toEqual(['muster_hosts_lost', 'muster_peer_watches']);
    const series = await query('{__name__=~"muster_.*"}');
    for (const { metric } of series) expect(Object.values(metric)).not.toContain('measured');
  });

  /** A scrape that took too long leaves a target out until the next one. */
  const untilSeen = (expr: string, value: number) => until(() => numberOf(expr), value, 15_000);

  it('sees as many polls as muster doctor counts with', async () => {
    await untilSeen('temporal_num_pollers{job="muster-host",host="h-1",poller_type="activity_task"}', HOST_ACTIVITY_POLLS);
    await untilSeen('sum(temporal_num_pollers{job="muster-host",host="h-1"})', HOST_ACTIVITY_POLLS);
    await untilSeen('max(temporal_num_pollers{job="muster-control",poller_type="activity_task"})', CONTROL_ACTIVITY_POLLS);
  });

  it('counts what has happened', async () => {
    await untilSeen('sum(muster_restarts_total{scope="all",reason="CommandFailed"})', 2);
    await untilSeen('sum(muster_rescales_total{outcome="done"})', 2);
    await untilSeen('sum(muster_generations_sealed_total)', 6);
    await untilSeen('sum(muster_program_exits_total{cause="CommandFailed"})', 2);
    await untilSeen('sum(muster_program_exits_total{cause="Succeeded"})', 4);
    await untilSeen('sum(muster_runs_started_total)', 2);
  });
});
