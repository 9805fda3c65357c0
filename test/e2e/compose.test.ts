import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SEARCH_ATTRIBUTES } from '../../spec/search-attributes.js';
import { findTemporalBinary } from '../../workers/server/find.js';
import { TEMPORAL_CLI } from '../../workers/server/pins.js';
import { DEV_SERVER_SETTINGS } from '../../workers/server/settings.js';
import { succeeds } from '../helpers/commands.js';
import { until } from '../helpers/until.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Service {
  image: string;
  init: boolean;
  command: string[];
  healthcheck: { test: string[] };
  networks: string[] | { muster: { ipv4_address: string } };
  volumes?: string[];
  build?: { args: { NODE_IMAGE: string } };
}

const { services } = parse(readFileSync(`${ROOT}/docker-compose.yml`, 'utf8'), { merge: true }) as { services: Record<string, Service> };
const defaultOf = (text = '') => /^\$\{\w+:-(.*)\}$/.exec(text)?.[1] ?? text;
const hosts = ['host-1', 'host-2', 'host-3'];

/** How Compose is called here, where an engine answers. */
function findCompose(): string[] | undefined {
  const works = (words: string[]) => spawnSync(words[0] ?? '', words.slice(1), { timeout: 2_000 }).status === 0;
  if (!works(['docker', 'info'])) return undefined;
  return [['docker', 'compose'], ['docker-compose']].find((words) => works([...words, 'version']));
}

describe('the compose file', () => {
  it('starts Temporal with our settings', () => {
    const given = services['temporal']?.command.filter((word) => word.startsWith('--dynamic-config-value='));
    expect(given).toEqual(DEV_SERVER_SETTINGS.map(({ key, value }) => `--dynamic-config-value=${key}=${JSON.stringify(value)}`));
    const attributes = services['temporal']?.command.filter((word) => word.startsWith('--search-attribute='));
    expect(attributes).toEqual(Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => `--search-attribute=${name}=${type}`));
  });

  it('pins every image, and builds ours on one Node.js', () => {
    for (const { image } of Object.values(services)) expect(defaultOf(image)).toMatch(/^[\w/.-]+:\d+\.\d+\.\d+$/);
    expect(defaultOf(services['temporal']?.image)).toBe(`temporalio/temporal:${TEMPORAL_CLI.version}`);
    const base = /^ARG NODE_IMAGE=(.*)$/m.exec(readFileSync(`${ROOT}/Dockerfile`, 'utf8'))?.[1];
    expect(base).toMatch(/^node:20\.\d+\.\d+-bookworm-slim$/);
    for (const name of ['control', ...hosts]) expect(defaultOf(services[name]?.build?.args.NODE_IMAGE)).toBe(base);
  });

  it('gives each service an init and a health check, and each host an address and a volume of its own', () => {
    for (const { init, healthcheck } of Object.values(services)) expect([init, healthcheck.test[0]]).toEqual([true, 'CMD']);
    const addresses = hosts.map((name) => {
      const { command = [], networks, volumes } = services[name] ?? {};
      const address = networks && !Array.isArray(networks) ? networks.muster.ipv4_address : undefined;
      expect(command).toEqual(['host', '--name', name, '--address', address, '--data', '/var/lib/muster']);
      expect(volumes).toEqual([`${name}:/var/lib/muster`]);
      return address;
    });
    expect(new Set(addresses).size).toBe(hosts.length);
  });
});

const compose = findCompose();
if (compose === undefined) process.stderr.write('No Docker engine with Compose answers here: the containers themselves were not tried\n');
else describe('the stack in containers', () => inContainers(compose));

function inContainers([command = '', ...words]: string[]): void {
  const images = { NODE_IMAGE: defaultOf(services['control']?.build?.args.NODE_IMAGE), TEMPORAL_IMAGE: defaultOf(services['temporal']?.image) };
  const env = { ...process.env, ...images, MUSTER_IMAGE: 'muster-test', TEMPORAL_PORT: '27399', TEMPORAL_UI_PORT: '27398' };
  const composed = (...args: string[]) => succeeds(command, [...words, '--project-name', 'muster-test', ...args], { cwd: ROOT, env });
  const muster = (...args: string[]) => composed('exec', '-T', 'control', 'muster', ...args);

  beforeAll(async () => {
    const temporal = await findTemporalBinary({ say: () => undefined });
    await succeeds('bash', ['test/compose/stand-ins.sh', images.NODE_IMAGE, images.TEMPORAL_IMAGE, temporal], { cwd: ROOT });
    await succeeds('docker', ['build', '--network', 'host', '--tag', env.MUSTER_IMAGE, '--build-arg', `NODE_IMAGE=${images.NODE_IMAGE}`, '.'], { cwd: ROOT });
    await composed('up', '--detach', '--no-build');
    await until(async () => (await muster('hosts', '--json').catch(() => '')).trim().split('\n').length, 3, 60_000);
  }, 400_000);
  afterAll(() => composed('down', '--volumes', '--timeout', '1'), 60_000);

  it("prints one list of the containers' own addresses from every host, and no program runs as root", async () => {
    const script = 'echo "$(id -u) $(cat /proc/1/comm) $(echo $DSTACK_NODES_IPS)"';
    const lines = (await muster('run', '-n', '3', '--raw', '--', script)).trim().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^10001 \S*init 10\.213\.7\.11 10\.213\.7\.12 10\.213\.7\.13$/);
  });

  it('is healthy', async () => {
    const ids = (await composed('ps', '-q')).trim().split('\n');
    expect(ids).toHaveLength(5);
    const health = async () => (await succeeds('docker', ['inspect', '--format', '{{.State.Health.Status}}', ...ids])).trim().split('\n');
    await until(
      health,
      ids.map(() => 'healthy'),
      60_000,
    );
  });

  it('names the host whose container was killed, and takes it back when it is started again', async () => {
    const task = ['run', '--detach', '--id', 'killed', '-n', '3', '--', 'exec sleep 1000'];
    await muster(...task);
    await until(async () => JSON.parse(await muster('status', 'killed', '--json')).phase, 'running', 30_000);
    const [id = ''] = (await composed('ps', '-q', 'host-3')).trim().split('\n');
    await succeeds('docker', ['kill', id]);
    const ended = await until(
      async () => JSON.parse(await muster('status', 'killed', '--json')),
      ({ phase }) => phase === 'failed',
      60_000,
    );
    expect(ended).toMatchObject({ reason: 'HostLost', message: expect.stringContaining('Host host-3 was silent for 30 s') });
    await succeeds('docker', ['start', id]);
    const states = async () =>
      (await muster('hosts', '--json'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).state);
    await until(states, ['free', 'free', 'free'], 60_000);
  }, 180_000);
}
