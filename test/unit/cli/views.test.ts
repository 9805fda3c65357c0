import { describe, expect, it, vi } from 'vitest';
import { elapsed } from '../../../cli/duration.js';
import { restartsOf } from '../../../cli/phases.js';
import { silentHosts } from '../../../cli/silent-hosts.js';
import { widthOf } from '../../../cli/terminal/text.js';
import { Changes } from '../../../cli/views/changes.js';
import { hostsView } from '../../../cli/views/hosts-view.js';
import { ListChange } from '../../../cli/views/list-change.js';
import { PlainHosts } from '../../../cli/views/plain.js';
import { type RunLook, runView } from '../../../cli/views/run-view.js';
import { age, Since } from '../../../cli/views/since.js';
import type { HostStatus } from '../../../spec/fleet.js';
import type { NodeState, NodeStatus, RunStatus } from '../../../spec/nodes.js';

const NOW = 1_000_000;
const plain = (text: string) => text;
const PAINT = { strong: plain, faint: plain, good: plain, warn: plain, bad: plain };

function node(rank: number | null, state: NodeState, more: Partial<NodeStatus> = {}): NodeStatus {
  const host = `host-${(rank ?? 0) + 1}`;
  const rest = { group: 'nodes', interface: 'eth0', addressReason: '', id: null, gpus: 0, exitCode: null, startNumber: 1 };
  return { rank, host, address: rank === null ? null : `10.0.0.${rank + 1}`, state, ...rest, ...more };
}

function status(more: Partial<RunStatus>): RunStatus {
  return {
    ...{
      run: 'run-train-abcde',
      runId: 'r',
      name: 'train',
      fleet: 'default',
      phase: 'running',
      reason: 'Running',
      message: 'All nodes were released together',
    },
    ...{ generation: 1, restarts: 0, restartsLeft: 0, losses: 0, failures: [], nodesWanted: 3, resizes: [], nodes: [], formerNodes: [], warnings: [] },
    ...{ submittedAtMs: NOW - 65_000, releasedAtMs: null, endedAtMs: null, lastLines: '' },
    ...more,
  };
}

const show = (now: RunStatus, look: Partial<RunLook> = {}) =>
  runView(now, { nowMs: NOW, columns: 80, rows: 20, sinceMs: () => NOW - 5_000, missing: null, change: null, trouble: '', paint: PAINT, ...look }).map(
    ({ painted }) => painted.trimEnd(),
  );

describe('a run', () => {
  it('has a line for each node', () => {
    expect(show(status({ nodes: [node(0, 'running'), node(1, 'failed', { exitCode: 7 })] }))).toEqual([
      'run-train-abcde  running  1 min 5 s',
      'generation 1 · 1 running · 1 failed',
      'RANK  HOST    ADDRESS   STATE       SINCE',
      '   0  host-1  10.0.0.1  running     5 s',
      '   1  host-2  10.0.0.2  failed (7)  5 s',
    ]);
  });

  it('says who is missing while it gathers', () => {
    const nodes = [null, null, null].map((_, i) => node(null, 'gathering', { host: `gpu-${i}` }));
    expect(show(status({ phase: 'gathering', message: 'Gathering gpu-0, gpu-1, gpu-2', generation: 0, nodes }), { missing: ['gpu-1'] })).toEqual([
      'run-train-abcde  gathering  1 min 5 s',
      'fleet default · 3 gathering',
      '2 of 3 hosts have answered; waiting for gpu-1',
      'RANK  HOST   ADDRESS  STATE      SINCE',
      '   -  gpu-0  -        ready      5 s',
      '   -  gpu-1  -        gathering  5 s',
      '   -  gpu-2  -        ready      5 s',
    ]);
  });

  it('says what it waits for in the queue', () => {
    expect(show(status({ phase: 'queued', message: 'Waiting for 3 hosts of the fleet default', generation: 0 }))).toEqual([
      'run-train-abcde  queued  1 min 5 s',
      'fleet default · 3 nodes wanted',
      'Waiting for 3 hosts of the fleet default',
      '`muster hosts` shows which hosts are free, and who has the others',
    ]);
  });

  it('tells restarts, what is left of them, and why', () => {
    const failures = [
      { generation: 1, rank: 0, host: 'host-1', type: 'CommandFailed' as const, message: 'Node 0 on host-1 exited with code 7', lastLines: '', atMs: 0 },
    ];
    const [, second, third] = show(status({ generation: 2, restarts: 1, restartsLeft: 2, losses: 1, failures, nodes: [node(0, 'running')] }));
    expect([second, third]).toEqual(['generation 2 · 1 running · 1 restart, 2 left · 1 lost host', 'Node 0 on host-1 exited with code 7']);
  });

  it('tells the range of an elastic run, and who came and went last', () => {
    const nodes = [node(0, 'running'), node(2, 'running')];
    const change = { text: 'generation 3: host-3 joined; host-2 left', atMs: NOW - 12_000 };
    const [, second, third] = show(status({ generation: 3, nodesRange: { min: 2, max: 8 }, nodes }), { change });
    expect([second, third]).toEqual(['generation 3 · 2 running · elastic, 2..8 nodes', 'generation 3: host-3 joined; host-2 left, 12 s ago']);
    const [, fixed] = show(status({ nodesRange: { min: 2, max: 2 }, nodes }));
    expect(fixed).toBe('generation 1 · 2 running · elastic, 2 nodes at most');
  });

  it('remembers who was in the list before', () => {
    const list = new ListChange();
    const take = (generation: number, ...ranks: number[]) => list.take({ generation, nodes: ranks.map((rank) => node(rank, 'running')) });
    expect([take(1, 0, 1), take(1, 0, 1), take(2, 0, 1), take(4, 1, 2)]).toEqual([null, null, null, 'generation 4: host-3 joined; host-1 left']);
  });

  it.each([
    [{ restarts: 0, restartsLeft: 0 }, ''],
    [{ restarts: 0, restartsLeft: 3 }, '0 restarts, 3 left'],
    [{ restarts: 2, restartsLeft: 1, generation: 3 }, '2 restarts, 1 left'],
    // One that is decided, and has no generation yet.
    [{ restarts: 1, restartsLeft: 0, generation: 1 }, '1 restart, 0 left'],
    [{ restarts: 7, restartsLeft: 0, generation: 1 }, '7 restarts of single nodes, 0 left for the node with the fewest'],
    // Of older versions.
    [{ restarts: 2, restartsLeft: null, generation: 3 }, '2 restarts'],
  ])('says of %j: %s', (counts: Partial<RunStatus>, words) => {
    expect(restartsOf(status(counts))).toBe(words);
    const [, second] = show(status({ nodes: [node(0, 'running')], ...counts }), { columns: 200 });
    expect(second).toBe([`generation ${counts.generation ?? 1}`, '1 running', words].filter(Boolean).join(' · '));
  });

  it.each([
    ['the first ones where all are well', (rank: number): NodeState => (rank < 0 ? 'failed' : 'running'), ['0', '1', '2'], '… and 57 more running'],
    [
      'those that need a look',
      (rank: number): NodeState => (rank === 40 ? 'silent' : rank === 50 ? 'failed' : rank > 55 ? 'succeeded' : 'running'),
      ['0', '40', '50'],
      '… and 53 more running, 4 succeeded',
    ],
  ])('folds many nodes to %s', (_, stateOf, ranks, rest) => {
    const nodes = Array.from({ length: 60 }, (_each, rank) => node(rank, stateOf(rank)));
    const lines = show(status({ nodes }), { rows: 7 });
    expect(lines).toHaveLength(7);
    expect(lines.slice(3, 6).map((line) => line.trim().split(' ')[0])).toEqual(ranks);
    expect(lines.at(-1)).toBe(rest);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 10, 30])('fits into %d lines', (rows) => {
    const nodes = Array.from({ length: 60 }, (_each, rank) => node(rank, 'running'));
    expect(show(status({ nodes }), { rows }).length).toBeLessThanOrEqual(rows);
  });

  it.each([1, 10, 20, 30, 45, 200])('fits into %d columns, whatever the names are', (columns) => {
    const names = ['日本語日本語日本語日本語日本語', 'a\x1b[2Jb\nc\td', 'x'.repeat(120), '👩‍👩‍👧‍👦👩‍👩‍👧‍👦', '\u202egnp.exe'];
    const nodes = names.map((host, rank) => node(rank, 'running', { host }));
    const lines = runView(status({ run: 'r\nun\x1b[31m', nodes, message: 'a\r\nb' }), {
      ...{ nowMs: NOW, columns, rows: 20, sinceMs: () => null, missing: null, change: null, trouble: 'x\ny', paint: PAINT },
    });
    for (const { painted, width } of lines) {
      expect(painted).not.toMatch(/\p{Cc}/u);
      expect([widthOf(painted), width <= columns]).toEqual([width, true]);
    }
  });

  it('keeps the state in sight where a long name has no room', () => {
    const [, , , row] = show(status({ nodes: [node(0, 'running', { host: 'a-very-long-name-of-a-host-in-a-cloud' })] }), { columns: 44 });
    expect(row).toBe('   0  a-very-long…  10.0.0.1  running  5 s');
  });
});

describe('a fleet', () => {
  const host = (id: string, state: HostStatus['state'], more: Partial<HostStatus> = {}) =>
    ({
      host: id,
      address: '10.0.0.1',
      state,
      drained: false,
      leaving: false,
      lease: null,
      cpus: 4,
      memoryMb: 2_048,
      gpus: 0,
      gpuModel: null,
      labels: {},
      problem: '',
      ...more,
    }) as HostStatus;
  const look = { fleet: 'default', nowMs: NOW, columns: 100, rows: 20, sinceMs: () => null, silent: new Set<string>(), trouble: '', paint: PAINT };
  const lease = { runId: 'r', handle: 'run-a', epoch: 1, request: '', state: 'held' as const, stop: { signal: 'SIGTERM', seconds: 1 } };

  it('has a line for each host, and says which are not used', () => {
    const hosts = [host('a', 'held', { lease, labels: { zone: 'b' } }), host('b', 'incompatible', { problem: 'its agent is too old' })];
    expect(hostsView(hosts, look).map(({ painted }) => painted)).toEqual([
      'fleet default  2 hosts · 1 held · 1 incompatible',
      'b is not used: its agent is too old',
      'HOST  ADDRESS   STATE         SINCE  RUN    CPUS   MEMORY  GPUS  LABELS',
      'a     10.0.0.1  held          -      run-a     4  2.0 GiB  0     zone=b',
      'b     10.0.0.1  incompatible  -      -         4  2.0 GiB  0     -',
    ]);
    expect(hostsView(hosts, { ...look, silent: new Set(['a']) }).map(({ painted }) => painted)[3]).toMatch(/^a +10.0.0.1 +held, silent +- +run-a /);
  });

  it.each(['answers', 'does not answer', 'refuses'])('is silent to the run that has it: the run %s', async (how) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const asked: string[] = [];
      const answer = { answers: Promise.resolve(status({ nodes: [node(0, 'silent'), node(1, 'running')] })), 'does not answer': new Promise(() => undefined) }[
        how
      ];
      const get = (handle: string) => {
        asked.push(handle);
        return { status: () => answer ?? Promise.reject(new Error('no')) };
      };
      const hosts = [host('host-1', 'held', { lease }), host('host-2', 'held', { lease }), host('host-3', 'free')];
      const found = silentHosts({ runs: { get } } as never, hosts);
      await vi.advanceTimersByTimeAsync(2_000);
      expect([[...(await found)], asked]).toEqual([how === 'answers' ? ['host-1'] : [], ['run-a']]);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    [false, ['a: held by run-a', 'b: free'], ['a: free', 'b: gone']],
    [
      true,
      [
        { host: 'a', state: 'held' },
        { host: 'b', state: 'free' },
      ],
      [
        { host: 'a', state: 'free' },
        { host: 'b', state: 'gone' },
      ],
    ],
  ])('is told host by host without a terminal, and so is who left it; as JSON: %s', (json, first, second) => {
    const written: string[] = [];
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    const view = new PlainHosts(json);
    const told = (hosts: HostStatus[]) => {
      view.take(hosts, new Set());
      return written.splice(0).map((line) => (json ? (({ host: id, state }) => ({ host: id, state }))(JSON.parse(line)) : line.trimEnd()));
    };
    try {
      expect(told([host('a', 'held', { lease }), host('b', 'free')])).toEqual(first);
      expect(told([host('a', 'free')])).toEqual(second);
      expect(told([host('a', 'free')])).toEqual([]);
    } finally {
      write.mockRestore();
    }
  });

  it('is folded where it is large', () => {
    const hosts = Array.from({ length: 500 }, (_, i) => host(`h${i}`, i === 400 ? 'silent' : 'free'));
    const lines = hostsView(hosts, { ...look, rows: 10 }).map(({ painted }) => painted);
    expect(lines).toHaveLength(10);
    expect(lines.at(-2)).toContain('h400');
    expect(lines.at(-1)).toBe('… and 493 more free');
  });
});

it('knows since when a state is seen, but not of what was there at the first look', () => {
  const since = new Since();
  since.note('a', 'running', 1_000);
  since.note('b', 'running', 1_000, 400);
  expect([since.of('a'), since.of('b'), since.of('c')]).toEqual([null, 400, null]);
  since.note('a', 'running', 2_000);
  since.note('b', 'running', 2_000);
  expect([since.of('a'), since.of('b')]).toEqual([null, 400]);
  since.note('a', 'failed', 3_000);
  since.note('a', 'failed', 4_000);
  expect(since.of('a')).toBe(3_000);
});

it.each([
  [-5, '0 s', '0 s'],
  [59_999, '59 s', '59 s'],
  [65_000, '1 min', '1 min 5 s'],
  [3_700_000, '1 h', '1 h 1 min'],
  [3_600_000, '1 h', '1 h'],
  [50 * 3_600_000, '2 d', '2 d 2 h'],
])('says %d ms as %s and %s', (ms, coarse, fine) => {
  expect([age(ms), elapsed(ms)]).toEqual([coarse, fine]);
});

it('says what has changed without a terminal, together where it is the same', () => {
  const changes = new Changes();
  const of = (...states: string[]) => states.map((state, i) => ({ name: `node ${i}`, state }));
  expect(changes.lines(of('starting', 'starting', 'starting'))).toEqual([]);
  expect(changes.lines(of('running', 'running', 'failed'))).toEqual(['node 0 and node 1: running', 'node 2: failed']);
  expect(changes.lines(of('running', 'running', 'failed'))).toEqual([]);
  expect(changes.lines(of('running'))).toEqual(['node 1 and node 2: gone']);
});
