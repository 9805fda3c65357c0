import { describe, expect, it } from 'vitest';
import { describeExit } from '../../spec/exit-codes.js';
import type { LeaseRequested } from '../../spec/messages.js';
import type { NodeEnd, RunPhase } from '../../spec/nodes.js';
import { OWN_PROTOCOL } from '../../spec/protocol.js';
import { nodeId, type Roster, rosterBytes, rosterDigest } from '../../spec/roster.js';
import type { Task } from '../../spec/task/task.js';
import { compareIds, decideGrants, decideNever, describeWait, type FleetHost } from '../../workflows/decisions/lease.js';
import { decideOutcome, decideVerdict, type SeenEnd } from '../../workflows/decisions/outcome.js';
import { planResize, readWish } from '../../workflows/decisions/resize.js';
import type { RestartDecision } from '../../workflows/decisions/restart.js';
import { compareAddresses, decideRoster } from '../../workflows/decisions/seal.js';
import { decideFlapping, settleMs } from '../../workflows/decisions/settle.js';
import { heartbeatSeconds } from '../../workflows/decisions/timing.js';

const TOLD = { address: null, network: null, interface: null };
const HOST = { candidates: [], told: TOLD, gpuModel: null, gpuMemoryMb: null, labels: {}, version: '0', protocol: OWN_PROTOCOL };
const STOP = { signal: 'SIGTERM', seconds: 5 };
const RUN_ID = '0190f5b2-7c1e-7d3a-9a51-2f6d1c3e4b5a';

function host(id: string, change: Partial<FleetHost> = {}): FleetHost {
  const facts = { host: id, identity: `identity-of-${id}`, address: '10.0.0.1', cpus: 1, memoryMb: 1, gpus: 0, ...HOST };
  return { facts, announcedAtMs: 0, silent: false, leaving: false, drained: false, lease: null, ...change };
}

function request(name: string, nodes: number, change: Partial<LeaseRequested> = {}): LeaseRequested {
  const run = { handle: `run-${name}`, runId: `id-${name}`, name, fleet: 'default' };
  return {
    run,
    request: name,
    parts: [{ group: 0, nodes, where: {}, resources: null }],
    hosts: null,
    except: [],
    extra: false,
    first: true,
    unmet: 'wait',
    stop: STOP,
    askedAtMs: 0,
    queueTimeoutSeconds: 600,
    deadlineMs: 1,
    ...change,
  };
}

const held = (run: string) => ({ runId: `id-${run}`, handle: `run-${run}`, epoch: 1, request: '', state: 'held' as const, stop: STOP });
const granted = (hosts: FleetHost[], queue: LeaseRequested[]) =>
  decideGrants(hosts, queue).map((grant) => `${grant.request.request}: ${grant.hosts.map((each) => each.host).join(' ')}`);

describe('leases', () => {
  it.each([
    ['as many hosts as were asked for, in the order of their numbers', [host('h-10'), host('h-2'), host('h-1')], [request('a', 2)], ['a: h-1 h-2']],
    ['nothing when there are too few', [host('h-1')], [request('a', 2)], []],
    [
      'nothing to a later request when an earlier one waits for hosts that exist',
      [host('h-1'), host('h-2', { lease: held('x') })],
      [request('a', 2), request('b', 1)],
      [],
    ],
    ['a later request when the earlier one could not be met by all hosts together', [host('h-1')], [request('a', 2), request('b', 1)], ['b: h-1']],
    ['no host twice', [host('h-1'), host('h-2')], [request('a', 1), request('b', 1)], ['a: h-1', 'b: h-2']],
    ['no silent host', [host('h-1', { silent: true }), host('h-2')], [request('a', 1)], ['a: h-2']],
    ['the pinned hosts in the order given', [host('h-1'), host('h-2'), host('h-3')], [request('a', 2, { hosts: ['h-3', 'h-1'] })], ['a: h-3 h-1']],
    ['the hosts that the same run held in its former life', [host('h-1'), host('h-2', { lease: held('a') })], [request('a', 1)], ['a: h-2']],
    ['another host when the run asks for a replacement', [host('h-1', { lease: held('a') }), host('h-2')], [request('a', 1, { first: false })], ['a: h-2']],
  ])('grants %s', (_, hosts, queue, expected) => {
    expect(granted(hosts, queue)).toEqual(expected);
  });

  const extra = (name: string, nodes: number, change: Partial<LeaseRequested> = {}) =>
    request(name, nodes, { extra: true, first: false, deadlineMs: Number.MAX_SAFE_INTEGER, ...change });
  const two = [host('h-1'), host('h-2')];
  it.each<[string, FleetHost[], LeaseRequested[], string[]]>([
    ['what is left, when it is less than was asked for', two, [request('a', 1), extra('x', 5)], ['a: h-1', 'x: h-2']],
    ['at most as many as were asked for', two, [extra('x', 1)], ['x: h-1']],
    [
      'to the first of two what it asks for, and to the second what is left then',
      [...two, host('h-3')],
      [extra('x', 2), extra('y', 2)],
      ['x: h-1 h-2', 'y: h-3'],
    ],
    ['nothing when nothing is free', [host('h-1', { lease: held('a') })], [extra('x', 1)], []],
    ['to all others first when they have asked later', two, [extra('x', 2), request('a', 1)], ['a: h-1', 'x: h-2']],
    ['nothing while another waits for hosts that exist', [...two, host('h-3', { lease: held('z') })], [extra('x', 1), request('a', 3)], []],
    [
      'nothing while another waits for a pinned host that exists',
      [...two, host('h-3', { lease: held('z') })],
      [extra('x', 1), request('a', 1, { hosts: ['h-3'] })],
      [],
    ],
    ['what another waits for that could not be met by all hosts together', two, [request('a', 3), extra('x', 3)], ['x: h-1 h-2']],
    ['what another waits for whose pinned host is not there', two, [request('a', 1, { hosts: ['h-9'] }), extra('x', 3)], ['x: h-1 h-2']],
    ['no host that it does not want now', two, [extra('x', 2, { except: ['h-1'] }), extra('y', 2)], ['x: h-2', 'y: h-1']],
    [
      'only the hosts that it names, in their order, those that are free',
      [...two, host('h-3')],
      [extra('x', 3, { hosts: ['h-3', 'h-9', 'h-1'] })],
      ['x: h-3 h-1'],
    ],
    ['to the next one when nothing is there for the first', two, [extra('x', 1, { hosts: ['h-9'] }), extra('y', 1)], ['y: h-1']],
    [
      'no host that is drained, leaving or silent, or held by the run itself',
      [host('h-1', { drained: true }), host('h-2', { leaving: true }), host('h-3', { silent: true }), host('h-4', { lease: held('x') }), host('h-5')],
      [extra('x', 5)],
      ['x: h-5'],
    ],
  ])('grants extra hosts: %s', (_, hosts, queue, expected) => {
    expect(granted(hosts, queue)).toEqual(expected);
  });

  it('grants extra hosts for the group that wants some, of those that fit it', () => {
    const parts = [part(0, 0), part(1, 3, { role: 'worker' })];
    const [grant] = decideGrants([host('h-1'), labelled('h-2', { role: 'worker' })], [extra('x', 0, { parts })]);
    expect(grant?.hosts).toEqual([{ host: 'h-2', identity: 'identity-of-h-2', group: 1 }]);
  });

  it('grants no host that a request does not want now, and holds up nobody for it', () => {
    expect(granted([host('h-1')], [request('a', 1, { except: ['h-1'] }), request('b', 1)])).toEqual(['b: h-1']);
  });

  const labelled = (id: string, labels: Record<string, string>) => {
    const known = host(id);
    return { ...known, facts: { ...known.facts, labels } };
  };
  const part = (group: number, nodes: number, where: Record<string, string> = {}) => ({ group, nodes, where, resources: null });
  const placed = (hosts: FleetHost[], parts: LeaseRequested['parts'], pinned: string[] | null = null) =>
    decideGrants(hosts, [request('a', 0, { parts, hosts: pinned })]).flatMap((grant) => grant.hosts.map((each) => `${each.group} ${each.host}`));

  it.each([
    [
      'a host with the label where another stands first',
      [host('h-1'), labelled('h-2', { role: 'head' })],
      [part(0, 1, { role: 'head' }), part(1, 1)],
      ['0 h-2', '1 h-1'],
    ],
    [
      'a host that fits everywhere where it is needed, also when it was taken for another group before',
      [labelled('h-1', { role: 'head', gpu: 'yes' }), labelled('h-2', { gpu: 'yes' }), host('h-3')],
      [part(0, 1), part(1, 1, { gpu: 'yes' }), part(2, 1, { role: 'head' })],
      ['0 h-3', '1 h-2', '2 h-1'],
    ],
    ['nothing when one label is missing', [labelled('h-1', { a: '1' }), host('h-2')], [part(0, 1, { a: '1', b: '2' }), part(1, 1)], []],
    ['nothing when two groups need the same host', [labelled('h-1', { a: '1' }), host('h-2')], [part(0, 1, { a: '1' }), part(1, 1, { a: '1' })], []],
  ])('places %s', (_, hosts, parts, expected) => {
    expect(placed(hosts, parts)).toEqual(expected);
  });

  it('places pinned hosts in the order of the groups, and refuses one without the label', () => {
    const hosts = [host('h-1'), labelled('h-2', { role: 'head' })];
    expect(placed(hosts, [part(0, 1, { role: 'head' }), part(1, 1)], ['h-2', 'h-1'])).toEqual(['0 h-2', '1 h-1']);
    expect(placed(hosts, [part(0, 1, { role: 'head' }), part(1, 1)], ['h-1', 'h-2'])).toEqual([]);
  });

  it('says what a request waits for', () => {
    const hosts = [host('h-1'), host('h-2', { lease: held('x') })];
    expect(describeWait(hosts, request('a', 3))).toBe('needs 3 hosts; the fleet default has 2 (1 free, 1 in use, 0 silent); held by run-x');
    expect(describeWait(hosts, request('a', 1, { hosts: ['h-9'] }))).toContain('never announced: h-9');
  });

  it('says which other runs have what a request could use, two by name', () => {
    const hosts = ['x', 'y', 'x', 'a', 'z', 'v'].map((run, i) => host(`h-${i}`, { lease: held(run) }));
    expect(describeWait(hosts, request('a', 2))).toMatch(/; held by run-v, run-x and 2 more$/);
    expect(describeWait(hosts, request('a', 2, { hosts: ['h-1', 'h-3'] }))).toMatch(/; held by run-y$/);
  });

  it('says what a request does not want of what is free', () => {
    const hosts = [host('h-1'), host('h-2'), host('h-3', { lease: held('x') })];
    expect(describeWait(hosts, request('a', 2, { except: ['h-2', 'h-3'] }))).toBe(
      'needs 2 hosts; the fleet default has 3 (1 free, 1 in use, 0 silent, 1 not wanted now)',
    );
  });

  const request4 = (change: Partial<LeaseRequested>) => request('a', 4, change);
  it.each<[string, FleetHost[], Partial<LeaseRequested>, string | null]>([
    ['when all are there, though in use', [1, 2, 3, 4].map((n) => host(`h-${n}`, { lease: held('x') })), {}, null],
    ['when all are there, though silent', [1, 2, 3, 4].map((n) => host(`h-${n}`, { silent: true })), {}, null],
    ['when one is not wanted now', [1, 2, 3, 4].map((n) => host(`h-${n}`)), { except: ['h-4'] }, null],
    ['when it would take extra hosts, and there are none', [], { extra: true }, null],
    [
      'when one is drained',
      [1, 2, 3, 4].map((n) => host(`h-${n}`, { drained: n === 4 })),
      {},
      'needs 4 hosts; the fleet default has 4 (3 free, 0 in use, 0 silent, 1 drained)',
    ],
    [
      'when pinned hosts are not known',
      [host('h-1')],
      { hosts: ['h-1', 'h-9'] },
      'needs hosts h-1, h-9; the fleet default has 1 (1 free, 0 in use, 0 silent); never announced: h-9',
    ],
    [
      'when it would need the hosts that the run has already',
      [1, 2, 3, 4].map((n) => host(`h-${n}`, { lease: n > 2 ? held('a') : null })),
      { first: false },
      'needs 4 hosts; the fleet default has 4 (2 free, 2 in use, 0 silent)',
    ],
  ])('can never be met, or may be, %s', (_, hosts, change, expected) => {
    expect(decideNever(hosts, request4(change))).toBe(expected);
  });

  it('orders ids as people count', () => {
    expect(['h10', 'h9', 'a', 'h9b'].sort(compareIds)).toEqual(['a', 'h9', 'h9b', 'h10']);
  });
});

describe('a wish for another number of nodes', () => {
  const group = (name: string, nodes: number, command = 'true') => ({ name, nodes, commands: [command], resources: null, where: {} });
  const one = { hosts: null, elastic: null, groups: [group('0', 2)] };
  const two = { hosts: null, elastic: null, groups: [group('head', 1), group('workers', 3, 'join ${{ groups[workers].nodes[1].IP_ADDRESS }}')] };
  const facts = { task: one as Pick<Task, 'hosts' | 'groups' | 'elastic'>, sizes: [2], phase: 'running' as RunPhase, stopping: false };
  it.each<[unknown, Partial<typeof facts>, ReturnType<typeof readWish>]>([
    [{ nodes: 3 }, {}, { sizes: [3] }],
    [{ nodes: 3 }, { task: two, sizes: [1, 3] }, { refused: 'the task has 2 groups, so say which: head=N workers=N' }],
    [{ groups: { workers: 5 } }, { task: two, sizes: [1, 3] }, { sizes: [1, 5] }],
    [{ groups: { helpers: 5 } }, { task: two, sizes: [1, 3] }, { refused: 'groups: there is no group helpers, only head, workers' }],
    [{ groups: { workers: 0 } }, { task: two, sizes: [1, 3] }, { refused: 'workers: expected at least 1, got 0; `muster stop` ends a run' }],
    [
      { groups: { workers: 1 } },
      { task: two, sizes: [1, 3] },
      { refused: 'its commands name a node that would be gone: expected a node of groups[workers] that is there, got nodes[1]; its only index is 0' },
    ],
    [{ nodes: 3 }, { task: { ...one, hosts: ['a', 'b'] } }, { refused: 'the task names 2 hosts, so it cannot have 3 nodes' }],
    [{ nodes: 9 }, { task: { ...one, elastic: { min: 2, max: 8 } } }, { refused: 'the task says `nodes: 2..8`, so it cannot have 9' }],
    [{ nodes: 0 }, {}, { refused: 'nodes: expected at least 1, got 0; `muster stop` ends a run' }],
    [{ nodes: 1.5 }, {}, { refused: 'nodes: expected a whole number such as `3`, got 1.5' }],
    [null, {}, { refused: 'nodes: expected a whole number such as `3`, got nothing' }],
    [{ nodes: 3 }, { stopping: true }, { refused: 'the run is being stopped' }],
    [{ nodes: 3 }, { phase: 'failed' }, { refused: 'the run has ended' }],
  ])('%j with %j is answered by %j', (wish, change, answer) => {
    expect(readWish(wish, { ...facts, ...change })).toEqual(answer);
  });

  it('takes the tail of each group that shrinks, and says how many are to come to which', () => {
    const node = (group: string, host: string, rank: number) => ({ rank, group, host, address: '', interface: '', port: 1, gpus: 0, id: '' });
    const nodes = [node('head', 'a', 0), node('workers', 'b', 1), node('workers', 'c', 2)];
    expect(planResize(nodes, ['head', 'workers'], [3, 1], null)).toEqual({ leave: ['c'], newcomers: [{ group: 0, nodes: 2 }], hosts: null });
    expect(planResize(nodes, ['head', 'workers'], [1, 2], null)).toEqual({ leave: [], newcomers: [], hosts: null });
  });
});

describe('the time before a run grows', () => {
  it.each([
    [[], 30_000],
    [[1], 30_000],
    [[1, 2, 3], 120_000],
    [[1, 2, 3, 4, 5, 6, 7, 8], 600_000],
    [[-700_000, -650_000, 1], 30_000],
  ])('after changes at %j is %d ms', (changedAtMs, expected) => {
    expect(settleMs({ settleSeconds: 30, changedAtMs, nowMs: 1_000 })).toBe(expected);
  });

  it('leaves out who was lost as long ago', () => {
    expect(decideFlapping({ lostAtMs: { a: 0, b: 90 }, forMs: 50, nowMs: 100 })).toEqual({ except: ['b'], untilMs: 140 });
    expect(decideFlapping({ lostAtMs: {}, forMs: 50, nowMs: 100 })).toEqual({ except: [], untilMs: Number.POSITIVE_INFINITY });
  });
});

describe('the seal', () => {
  const gathered = (id: string, address: string, highestGeneration = 0) => ({
    ...{ host: id, address, interface: 'eth0', port: 1, gpus: 0, freePort: null, highestGeneration, startNumber: 1 },
  });
  const seal = (hosts: ReturnType<typeof gathered>[], pinned: string[] | null = null, generation = 0, previous: Roster | null = null) =>
    decideRoster({
      ...{ runId: RUN_ID, gathered: hosts, pinned, previous, generation, groups: ['0'] },
      granted: hosts.map((each) => ({ host: each.host, identity: '', group: 0 })),
    });

  it('ranks by address as numbers when no hosts are pinned', () => {
    const decision = seal([gathered('a', '10.0.0.10'), gathered('b', '10.0.0.9'), gathered('c', '9.255.0.1')]);
    expect(decision.nodes.map(({ rank, host: id }) => `${rank} ${id}`)).toEqual(['0 c', '1 b', '2 a']);
  });

  it('ranks group by group, each by address, and keeps ranks within a group', () => {
    const roster = (hosts: [string, string, number][], previous: Roster | null) =>
      decideRoster({
        ...{ runId: RUN_ID, pinned: null, previous, generation: 0, groups: ['head', 'workers'] },
        gathered: hosts.map(([id, address]) => ({ ...gathered(id, address), freePort: id === 'd' ? 4_000 : 5_000 })),
        granted: hosts.map(([id, , group]) => ({ host: id, identity: '', group })),
      });
    const first = roster(
      [
        ['a', '10.0.0.1', 1],
        ['d', '10.0.0.9', 0],
        ['c', '10.0.0.3', 1],
      ],
      null,
    );
    expect(first.nodes.map(({ host: id, group }) => `${id} ${group}`)).toEqual(['d head', 'a workers', 'c workers']);
    expect(first.masterPort).toBe(4_000);
    const next = roster(
      [
        ['b', '10.0.0.2', 1],
        ['d', '10.0.0.9', 0],
        ['c', '10.0.0.3', 1],
      ],
      first,
    );
    expect(next.nodes.map(({ host: id }) => id)).toEqual(['d', 'b', 'c']);
  });

  it('ranks in the order of the pinned hosts', () => {
    const decision = seal([gathered('a', '10.0.0.1'), gathered('b', '10.0.0.2')], ['b', 'a']);
    expect(decision.nodes.map(({ host: id }) => id)).toEqual(['b', 'a']);
  });

  it('keeps the rank of who stays, and gives newcomers the ranks that are left', () => {
    const rosterOf = (...ids: string[]): Roster => seal(ids.map((id, i) => gathered(id, `10.0.1.${i}`)));
    const hosts = (decision: ReturnType<typeof seal>) => decision.nodes.map(({ rank, host: id }) => `${rank} ${id}`);
    const all = ['e', 'd', 'c', 'b', 'a'].map((id, i) => gathered(id, `10.0.0.${i}`));
    expect(hosts(seal(all, null, 1, rosterOf('a', 'b', 'c')))).toEqual(['0 a', '1 b', '2 c', '3 e', '4 d']);
    expect(hosts(seal(all.slice(2), null, 1, rosterOf('a', 'lost', 'c')))).toEqual(['0 a', '1 b', '2 c']);
    expect(hosts(seal(all.slice(3), null, 1, rosterOf('a', 'b', 'c')))).toEqual(['0 a', '1 b']);
  });

  it('goes beyond the highest generation that a host has seen', () => {
    const decision = seal([gathered('a', '10.0.0.1', 4), gathered('b', '10.0.0.2', 2)], null, 1);
    expect(decision.generation).toBe(5);
  });

  it('compares IPv6 as numbers, after IPv4', () => {
    expect(['fd00::10', 'fd00::9', '10.0.0.1'].sort(compareAddresses)).toEqual(['10.0.0.1', 'fd00::9', 'fd00::10']);
  });

  it('derives node ids as UUIDv5', () => {
    // Python: uuid.uuid5(uuid.UUID('0190f5b2-7c1e-7d3a-9a51-2f6d1c3e4b5a'), '10.0.0.1')
    expect(nodeId(RUN_ID, '10.0.0.1')).toBe('6909ee7b-2ee5-5298-bd41-c5f1b7639b0d');
  });

  it('digests the bytes by SHA-256', () => {
    expect(rosterDigest('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(rosterBytes({ runId: 'r', generation: 1, masterPort: null, nodes: [] })).toBe('{"runId":"r","generation":1,"masterPort":null,"nodes":[]}');
  });
});

describe('the outcome', () => {
  const exited = (rank: number, code: number): SeenEnd => ({
    ...{ rank, group: '0', host: `h-${rank}`, verdict: null },
    end: { kind: 'exited', outOfMemory: false, stopped: false, code, startNumber: 1, endedAtMs: 0, lastLines: `last of ${rank}`, clean: true },
  });
  const broken = (rank: number): SeenEnd => {
    const failure = { type: 'BarrierBroken' as const, message: 'rank 2 is missing' };
    const end: NodeEnd = { kind: 'failed', failure, unreachable: [], startNumber: 1, endedAtMs: 0, lastLines: '', clean: true };
    return { rank, group: '0', host: `h-${rank}`, end, verdict: null };
  };
  const fail: RestartDecision = { do: 'fail', exhausted: false, why: 'no restart is asked for' };
  const judged = (seen: SeenEnd, restart: RestartDecision = fail, retry = false, closed: string | null = null): SeenEnd => ({
    ...seen,
    verdict: decideVerdict(seen, { generation: 1, nodes: 3, retry, closed, restart, leaves: false }),
  });
  const decide = (ends: SeenEnd[], stopCriteria: 'all-done' | 'master-done' = 'all-done') => decideOutcome({ ends, nodes: 3, stopCriteria });
  const again = { delayMs: 0, charge: 'restart' as const, left: 1, why: '1 of 3 restarts left' };

  it.each([
    ['goes on while nodes run', [judged(exited(0, 0))], 'running'],
    ['goes on while nobody has looked at an end', [exited(0, 0), exited(1, 0), exited(2, 0)], 'running'],
    ['succeeds when all are done', [0, 1, 2].map((rank) => judged(exited(rank, 0))), 'succeeded'],
    ['fails with the first failure', [exited(0, 0), exited(2, 7), exited(1, 143)].map((end) => judged(end)), 'failed'],
    ['tries a broken barrier again', [judged(broken(1), fail, true)], 'retry'],
    ['starts all again when the rules say so', [judged(exited(1, 7), { do: 'restart', scope: 'all', ...again })], 'restart'],
  ])('%s', (_, ends, kind) => {
    expect(decide(ends).kind).toBe(kind);
  });

  it('names rank, host, code and last lines of the first failure, not of the cascade', () => {
    const outcome = decide([judged(exited(2, 7)), judged(exited(1, 143))]);
    expect(outcome).toMatchObject({ lastLines: 'last of 2', failure: { type: 'CommandFailed' } });
    expect(outcome.kind === 'failed' && outcome.failure.message).toBe('Node 2 on h-2 exited with code 7 in generation 1; the other 2 nodes were stopped');
  });

  it.each([
    [
      { do: 'restart' as const, scope: 'all' as const, ...again },
      'Node 1 on h-1 exited with code 7 in generation 1; all nodes start again, 1 of 3 restarts left',
    ],
    [
      { do: 'restart' as const, scope: 'node' as const, ...again, delayMs: 1_940 },
      'Node 1 on h-1 exited with code 7 in generation 1; it starts again in 1.9 s, 1 of 3 restarts left',
    ],
  ])('says what is done about a failure, and what is left', (restart, message) => {
    expect(judged(exited(1, 7), restart).verdict).toMatchObject({ do: restart.scope === 'all' ? 'restart' : 'again', message });
  });

  it('fails with a type of its own when the budget is used', () => {
    const { verdict } = judged(exited(1, 7), { do: 'fail', exhausted: true, why: 'all 3 restarts are used' });
    const message = 'Node 1 on h-1 exited with code 7 in generation 1, and all 3 restarts are used; the other 2 nodes were stopped';
    expect(verdict).toEqual({ do: 'fail', failure: { type: 'RestartsExhausted', message } });
  });

  it('succeeds over failures that a rule ignores, and names them', () => {
    const ignored = judged(exited(2, 7), { do: 'ignore', why: 'rule 1 of restart' });
    expect(decide([judged(exited(0, 0)), judged(exited(1, 0)), ignored])).toEqual({
      kind: 'succeeded',
      message: 'All 3 nodes are done; failures that a rule ignores: node 2 (exited with code 7)',
    });
  });

  it('gives up on a broken barrier when it is not to be tried again', () => {
    expect(decide([judged(broken(1))])).toMatchObject({ kind: 'failed', failure: { type: 'BarrierBroken' } });
  });

  it('says which ways are closed, whether they are tried again or not', () => {
    const said = 'a → b timed out';
    expect([true, false].map((retry) => judged(broken(1), fail, retry, said).verdict)).toEqual([
      { do: 'retry', failure: { type: 'BarrierBroken', message: said } },
      { do: 'fail', failure: { type: 'BarrierBroken', message: said } },
    ]);
  });

  it('succeeds when the master is done and the task says so', () => {
    expect(decide([judged(exited(0, 0))], 'master-done').kind).toBe('succeeded');
    expect(decide([judged(exited(1, 0))], 'master-done').kind).toBe('running');
  });

  it('says that a signal and a high exit code look alike', () => {
    expect(describeExit(137)).toBe('ended with 137 (SIGKILL, or exit 137)');
    expect(describeExit(7)).toBe('exited with code 7');
  });

  it('beats five times within the host timeout, at least every 2 s', () => {
    expect([heartbeatSeconds(30), heartbeatSeconds(5)]).toEqual([6, 2]);
  });
});
