import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readProcess } from '../../activities/process/identity.js';
import { succeeds } from '../helpers/commands.js';
import { LinkFaults, type Undo } from '../helpers/link-faults.js';
import { leftHere, missingForNamespaces, removeLeftovers } from '../helpers/namespaces.js';
import { Network, onLan, type Station } from '../helpers/stations.js';
import { until } from '../helpers/until.js';

const missing = missingForNamespaces();
if (missing !== undefined) console.warn(`\nNOT TESTED: faults of networks, since ${missing}.\n`);

const PORT = 5555;
/** Says to whom it was connected. */
const LISTEN = `require('net').createServer((s) => s.on('error', () => {}).end(s.localAddress)).listen(${PORT}, '::', () => console.log('up'))`;
const DIAL = `const [host, ms] = process.argv.slice(1);
  const say = (text) => { console.log(text); process.exit(); };
  setTimeout(say, Number(ms), 'silence');
  require('net').connect({ host, port: ${PORT} }).on('data', (data) => say(String(data).replace('::ffff:', ''))).on('error', (error) => say(error.code));`;

describe.skipIf(missing !== undefined)('the network that tests run on', () => {
  let network: Network;
  let faults: LinkFaults;
  beforeAll(async () => {
    network = await Network.open();
    faults = new LinkFaults(network);
    const far: Station = { name: 'far', links: [{ fabric: 'hall', interface: 'eth0', addresses: ['10.99.0.1/24'] }], defaultVia: ['10.99.0.253'] };
    const overlay = (address: string) => ({ interface: 'wg0', address, over: 'eth0' });
    await network.add([
      onLan('a', 1, { docker: 'busy', overlay: overlay('100.64.0.1/24'), defaultVia: ['10.77.0.253'] }),
      onLan('b', 2, { docker: 'busy', overlay: overlay('100.64.0.2/24') }),
      onLan('c', 3, { docker: 'idle' }),
      {
        ...onLan('router', 253, { forwards: true }),
        links: [...onLan('router', 253).links, { fabric: 'hall', interface: 'eth1', addresses: ['10.99.0.253/24'] }],
      },
      far,
    ]);
    const listeners = ['a', 'b', 'c', 'far'].map((name) =>
      network.namespaces.spawn(name, [process.execPath, '-e', LISTEN], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    await Promise.all(listeners.map(({ stdout }) => once(stdout as NonNullable<ChildProcess['stdout']>, 'data')));
  });
  afterEach(() => faults.healAll());
  afterAll(async () => {
    await network?.namespaces.close();
    expect(leftHere()).toEqual([]);
  });

  /** Who answers, how the connection fails, or `silence`. */
  async function dial(from: string, address: string, limitMs = 300): Promise<string> {
    return (await network.namespaces.exec(from, [process.execPath, '-e', DIAL, address, String(limitMs)])).trim();
  }

  /** From a to b, back, and from c to b. */
  const ways = async () => await Promise.all([dial('a', '10.77.0.2'), dial('b', '10.77.0.1'), dial('c', '10.77.0.2')]);
  const ALL_WAYS = ['10.77.0.2', '10.77.0.1', '10.77.0.2'];

  it('carries both families, a tunnel and what goes through a router', async () => {
    const reached = ['fd77::2', '100.64.0.2', '10.99.0.1'];
    expect(await Promise.all(reached.map((address) => dial('a', address, 10_000)))).toEqual(reached);
  });

  it('reaches itself at the address that every docker0 has', async () => {
    const stop = await faults.cut('a');
    expect(await dial('a', '172.17.0.1')).toBe('172.17.0.1');
    await stop();
  });

  const cases: [what: string, make: () => Promise<Undo>, seen: string[]][] = [
    ['a cable that is pulled', () => faults.cut('b'), ['silence', 'silence', 'silence']],
    ['two stations that are cut from each other', () => faults.cutFrom('a', 'b'), ['silence', 'silence', '10.77.0.2']],
    ['packets that are dropped one way', () => faults.block('a', 'b'), ['silence', 'silence', '10.77.0.2']],
    ['connections that are dropped one way', () => faults.block('a', 'b', { only: 'connecting' }), ['silence', '10.77.0.1', '10.77.0.2']],
    ['connections that are refused one way', () => faults.refuse('a', 'b', { only: 'connecting' }), ['ECONNREFUSED', '10.77.0.1', '10.77.0.2']],
    ['a station that loses every packet', () => faults.lose('b', 100), ['silence', 'silence', 'silence']],
    ['a slow link', () => faults.throttle('b', 1_000), ALL_WAYS],
  ];
  it.each(cases)('knows %s, and takes it back', async (_, make, seen) => {
    const undo = await make();
    expect(await ways()).toEqual(seen);
    await undo();
    await until(ways, ALL_WAYS);
  });

  it('makes both ways longer by a delay, whatever else is wrong, and takes it back', async () => {
    const answersAfter = async () => {
      const [from, text] = [performance.now(), await dial('c', 'fd77::2', 10_000)];
      return [text, performance.now() - from] as const;
    };
    const undo = await faults.delay('b', 300);
    expect(await answersAfter()).toEqual(['fd77::2', expect.toSatisfy((ms: number) => ms > 1_200)]);
    await faults.cutFrom('b', 'a');
    expect(await ways()).toEqual(['silence', 'silence', 'silence']);
    expect(await dial('c', '10.77.0.2', 10_000)).toBe('10.77.0.2');
    await undo();
    await until(answersAfter, ([text, ms]) => text === 'fd77::2' && ms < 300);
  });

  it('carries a megabyte unharmed over a slow wire', async () => {
    await faults.delay('b', 5);
    const SERVE = `require('net').createServer((s) => s.end(Buffer.alloc(1e6, 'x'))).listen(5556, () => console.log('up'))`;
    const server = network.namespaces.spawn('b', [process.execPath, '-e', SERVE], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(server.stdout as NonNullable<ChildProcess['stdout']>, 'data');
    const FETCH = `let n = 0; require('net').connect(5556, '10.77.0.2').on('data', (d) => (n += d.length)).on('end', () => console.log(n))`;
    expect(Number(await network.namespaces.exec('a', [process.execPath, '-e', FETCH]))).toBe(1e6);
  });

  it('keeps a cable out until the last of those who pulled it plugs it in', async () => {
    const [first, second] = await Promise.all([faults.cut('b'), faults.cut('b')]);
    await first();
    await first();
    expect(await dial('a', '10.77.0.2')).toBe('silence');
    await second();
    await until(() => dial('a', '10.77.0.2'), '10.77.0.2');
  });

  it('pulls a cable and plugs it in within half a second each', async () => {
    const took: number[] = [];
    for (let i = 0; i < 20; i++) {
      const before = performance.now();
      await (await faults.cut('c'))();
      took.push((performance.now() - before) / 2);
    }
    expect(took.sort((a, b) => a - b)[10]).toBeLessThan(500);
  });

  it('removes what a killed run left, and nothing of a living one', async () => {
    const dead = spawn('sleep', ['1000']);
    const name = `muster-test-${dead.pid}-${readProcess(dead.pid ?? 0)?.startTime}-0-left`;
    await succeeds('ip', ['netns', 'add', name]);
    const stray = spawn('ip', ['netns', 'exec', name, 'sleep', '1000']);
    const strayGone = once(stray, 'exit');
    await removeLeftovers();
    expect(await succeeds('ip', ['netns', 'list'])).toContain(name);
    dead.kill('SIGKILL');
    await once(dead, 'exit');
    await removeLeftovers();
    expect(await strayGone).toEqual([null, 'SIGKILL']);
    expect(await succeeds('ip', ['netns', 'list'])).not.toContain(name);
    expect(await dial('a', '10.77.0.2')).toBe('10.77.0.2');
  });
});
