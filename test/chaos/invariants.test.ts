import { describe, expect, it } from 'vitest';
import type { RunStatus } from '../../spec/nodes.js';
import type { Evidence, FaultKind, FaultNote, TaskFacts } from './evidence.js';
import { INVARIANTS, violations } from './invariants.js';
import { type Line, parseJournal } from './journal.js';

/** A journal in short: `time event generation.rank host start`, and a list, a code or what was read where it matters. */
function journal(text: string): Line[] {
  const lines = text.trim().split('\n');
  return parseJournal(
    `${lines
      .map((line) => {
        const [atS, event, place = '', host, start, more = ''] = line.trim().split(/ +/);
        const [generation, rank] = place.split('.');
        const list = more.startsWith('list=') ? more.slice(5) : 'same';
        const code = more.startsWith('code=') ? more.slice(5) : '0';
        const pid = `${host?.slice(-1)}${generation}${start}`;
        const read = more.startsWith('read=') ? ` ${more.slice(5)}` : '';
        return `${atS} ${event} ${code} run ${host} ${generation} ${rank} 2 ${start} ${pid} ${list} roster${read}`;
      })
      .join('\n')}\n`,
  );
}

const TASK: TaskFacts = { nodes: 2, scope: 'all', attempts: 1, losses: 1, hostTimeoutSeconds: 5, stopDurationSeconds: 1, fencing: 'reachable' };

const GOOD = `
  10.0 start 1.0 host-1 1
  10.0 start 1.1 host-2 1
  12.0 exit  1.0 host-1 1 code=0
  12.1 exit  1.1 host-2 1 code=0`;

const NODES = [0, 1].map((rank) => ({ rank, host: `host-${rank + 1}`, exitCode: 0 }));
const STATUS = { phase: 'succeeded', reason: 'Succeeded', message: '', generation: 1, restarts: 0, losses: 0, nodes: NODES, failures: [] };

interface Given {
  lines?: string;
  faults?: FaultNote[];
  task?: Partial<TaskFacts>;
  run?: Partial<Evidence['run']>;
  status?: object;
  more?: Partial<Evidence>;
}

function evidence({ lines = GOOD, faults = [], task, run, status, more }: Given): Evidence {
  const seen = { ...STATUS, ...status } as unknown as RunStatus;
  const known = {
    handle: 'run-x',
    runId: 'run',
    task: { ...TASK, ...task },
    end: 'succeeded' as const,
    status: seen,
    notes: [],
    closedAtS: 12.2,
    unrest: null,
  };
  return { lines: journal(lines), faults, leftovers: [], leases: [], unusable: null, run: { ...known, ...run }, ...more };
}

function fault(kind: FaultKind, fromS: number, untilS: number, host: string | null = null): FaultNote {
  return { kind, host, fromS, untilS, what: '', done: true };
}

function note(type: string, atS: number, message: string, generation = 1): Evidence['run']['notes'][number] {
  return { type, atS, atMs: 0, message, generation, rank: 1, host: 'host-2', lastLines: '' } as Evidence['run']['notes'][number];
}

const AGAIN = `
  10.0 start 1.0 host-1 1
  10.0 start 1.1 host-2 1
  11.0 exit  1.1 host-2 1 code=7
  11.5 term  1.0 host-1 1
  12.0 start 2.0 host-1 2
  12.0 start 2.1 host-2 2
  14.0 exit  2.0 host-1 2 code=0
  14.0 exit  2.1 host-2 2 code=0`;
const AGAIN_STATUS = { generation: 2, restarts: 1 };
const FAILED = note('CommandFailed', 11, 'Node 1 on host-2 exited with code 7 in generation 1; all nodes start again');

/** One that grows to two nodes while it runs, and shrinks again. */
const LIVE = `
  10.0 start 1.0 host-1 1 read=first/1/0/a/a
  11.0 beat  1.0 host-1 1 read=first/1/0/a/a
  12.0 start 2.1 host-2 1 read=rescale/2/1/a,b/a,b
  12.1 beat  1.0 host-1 1 read=first/1/0/a/a,b
  12.3 beat  1.0 host-1 1 read=first/2/0/a,b/a,b
  14.0 beat  1.0 host-1 1 read=first/3/0/a/a
  14.1 term  2.1 host-2 1 read=rescale/2/1/a,b/a,b
  20.0 exit  1.0 host-1 1 read=first/3/0/a/a`;
const LIVE_GIVEN: Given = { task: { live: true, nodes: 1 }, run: { closedAtS: 40 }, status: { generation: 3, nodes: [NODES[0]] } };
const live = (lines: string, more: Given = {}): Given => ({ ...LIVE_GIVEN, lines, ...more });

/** What each invariant must not let pass. Every other must be silent about it, unless it is named too. */
const RED: Record<string, { name: string; given: Given; also?: string[] }[]> = {
  'the nodes of a generation saw byte-identical lists': [{ name: 'two lists', given: { lines: GOOD.replace('host-2 1\n', 'host-2 1 list=other\n') } }],
  'ranks are 0…N-1': [
    { name: 'one rank twice', given: { lines: GOOD.replaceAll('1.1', '1.0'), status: { nodes: [NODES[0]] } } },
    { name: 'a rank that is not below N', given: { lines: GOOD.replaceAll('1.1', '1.2'), status: { nodes: [NODES[0]] } } },
    {
      name: 'a rank that never started in a run that succeeded',
      given: { lines: GOOD.replaceAll(/.*1\.1.*/g, '').replaceAll('\n\n', '\n'), status: { nodes: [NODES[0]] } },
    },
  ],
  'start numbers of a seat grow': [
    {
      name: 'the same number again',
      given: { lines: AGAIN.replaceAll('host-1 2', 'host-1 1'), status: AGAIN_STATUS, run: { notes: [FAILED], closedAtS: 15 } },
    },
  ],
  'a seat has at most one live process': [
    {
      name: 'an old one that is seen after the new one has begun, though its host is frozen',
      given: {
        lines: AGAIN.replace('14.0 exit  2.0', '12.5 seen  1.0 host-1 1\n14.0 exit  2.0'),
        ...{ status: AGAIN_STATUS, run: { notes: [FAILED], closedAtS: 15 }, faults: [fault('agent-freeze', 11, 13, 'host-1')] },
      },
    },
  ],
  'no process of a generation lives, on a host that answers, when one of the next runs': [
    {
      name: 'on another host',
      given: {
        lines: AGAIN.replace('  12.0 start 2.1', '  12.0 seen 1.1 host-2 1\n  12.0 start 2.1'),
        ...{ status: AGAIN_STATUS, run: { notes: [FAILED], closedAtS: 15 } },
      },
    },
    {
      name: 'with strict fencing, on a host that is only cut off',
      given: {
        lines: AGAIN.replace('  12.0 start 2.1', '  12.0 seen 1.1 host-2 1\n  12.0 start 2.1'),
        ...{ status: AGAIN_STATUS, run: { notes: [FAILED], closedAtS: 15 }, task: { fencing: 'strict' }, faults: [fault('temporal-cut', 10, 13, 'host-2')] },
      },
    },
    {
      name: 'on a host that has been back for long',
      given: {
        lines: AGAIN.replace('14.0 exit  2.0', '23.0 beat 1.1 host-3 1\n24.0 exit  2.0').replace('14.0 exit  2.1', '24.0 exit 2.1'),
        ...{ status: AGAIN_STATUS, run: { notes: [FAILED], closedAtS: 25 }, faults: [fault('agent-freeze', 10, 11.5, 'host-3')] },
      },
    },
  ],
  'generations never go back': [
    {
      name: 'a start of the last one',
      given: {
        lines: GOOD.replace('10.0 start 1.1', '10.0 start 2.1')
          .replace('12.1 exit  1.1', '12.1 exit 2.1')
          .replace('10.0 start 1.0 host-1 1\n', '')
          .replace('12.0 exit', '10.5 start 1.0 host-1 1\n12.0 exit'),
      },
      also: [
        'no process of a generation lives, on a host that answers, when one of the next runs',
        'ranks are 0…N-1',
        'a run that succeeded has the exit codes of its programs',
      ],
    },
  ],
  'every run ends': [{ name: 'one that is open', given: { run: { end: 'open', closedAtS: null } } }],
  'no process outlives its run on a host that can be reached': [
    { name: 'a beat after its end', given: { lines: `${GOOD}\n  13.0 helper 1.1 host-2 1` } },
    { name: 'a process that is left', given: { more: { leftovers: [{ host: 'host-1', pid: 7, command: 'sleep' }] } } },
    { name: 'long after a termination', given: { lines: `${GOOD}\n 30.0 seen 1.1 host-2 1`, run: { end: 'terminated' } } },
  ],
  'no lease outlives its run': [
    { name: 'one that is held', given: { more: { leases: [{ host: 'host-1', runId: 'run' }] } } },
    { name: 'hosts that are of no use', given: { more: { unusable: 'nothing works' } } },
  ],
  'budgets are kept': [
    { name: 'more restarts than attempts', given: { status: { restarts: 2 } } },
    { name: 'a charge for no failure', given: { status: { restarts: 1 } } },
    { name: 'more losses than there may be', given: { status: { losses: 2 } } },
    { name: 'more generations than failures', given: { lines: AGAIN, task: { attempts: 0 }, status: { generation: 2 }, run: { closedAtS: 15 } } },
    {
      name: 'a seat that starts too often in a generation',
      given: { lines: GOOD.replace('12.1 exit  1.1 host-2 1', '11.0 start 1.1 host-2 2\n12.1 exit 1.1 host-2 2'), task: { attempts: 0, scope: 'node' } },
    },
  ],
  'a run that succeeded has the exit codes of its programs': [
    { name: 'a code that was not 0', given: { lines: GOOD.replace('1.1 host-2 1 code=0', '1.1 host-2 1 code=3') } },
    { name: 'a program that did not end by itself', given: { lines: GOOD.replace(/\n.*12\.1.*/, '') } },
    { name: 'a code that the status does not tell', given: { status: { nodes: [NODES[0], { ...NODES[1], exitCode: null }] } } },
  ],
  'who reads a list reads a whole one, that of its generation': [
    { name: 'half a file', given: live(LIVE.replace('read=first/2/0/a,b/a,b', 'read=unreadable')) },
    { name: 'another list of one generation', given: live(LIVE.replace('read=first/2/0/a,b/a,b', 'read=first/2/0/a,c/a,c')) },
    { name: 'a list of addresses that is nobody’s', given: live(LIVE.replace('read=first/1/0/a/a,b', 'read=first/1/0/a/a,')) },
    {
      name: 'two files that do not agree for long',
      given: live(
        LIVE.replace('14.0 beat', '13.9 beat 1.0 host-1 1 read=first/2/0/a,b/a\n  17.0 beat').replace('first/3/0/a/a\n  14.1', 'first/2/0/a,b/a\n  14.1'),
      ),
    },
  ],
  'what a start reads never goes back': [
    { name: 'an older list', given: live(LIVE.replace('14.0 beat', '13.0 beat 1.0 host-1 1 read=first/1/0/a/a\n  14.0 beat')) },
  ],
  'a change of the list restarts nobody who stays': [
    {
      name: 'a node that starts again for no reason',
      given: live(LIVE.replace('20.0 exit  1.0 host-1 1', '14.2 exit 1.0 host-1 1\n  14.3 start 3.0 host-1 2 read=rescale/3/0/a/a\n  20.0 exit  3.0 host-1 2')),
      also: ['budgets are kept'],
    },
  ],
  'who has left does not run on': [{ name: 'one that is still seen', given: live(LIVE.replace('20.0 exit', '24.0 seen 2.1 host-2 1\n  25.0 exit')) }],
  'everybody has the newest list when all is well again': [
    { name: 'a run that does not come to rest', given: live(LIVE, { run: { closedAtS: 40, unrest: 'host-1 is behind' } }) },
  ],
  'every wish for another size is answered': [
    {
      name: 'one that waits for ever',
      given: live(LIVE, { status: { ...LIVE_GIVEN.status, resizes: [{ id: 'x', nodes: 3, sizes: [3], state: 'waiting', message: '' }] } }),
    },
  ],
  'every failure has a cause': [
    {
      name: 'a host that is lost for no time away',
      given: { run: { notes: [note('HostLost', 12, 'silent')] }, faults: [fault('agent-kill', 10, 11, 'host-2')] },
    },
    { name: 'a host that is lost for an outage', given: { run: { notes: [note('HostLost', 22, 'silent')] }, faults: [fault('server-kill', 10, 18)] } },
    { name: 'a code that no program ended with', given: { run: { notes: [note('CommandFailed', 12, 'exited with code 9')] } } },
    {
      name: 'a code of a program that was told to end',
      given: {
        lines: GOOD.replace('12.1 exit', '12.0 term 1.1 host-2 1\n12.1 exit').replace('host-2 1 code=0', 'host-2 1 code=143'),
        run: { notes: [note('CommandFailed', 12, 'ended with 143 (SIGTERM')], end: 'failed' },
        status: { reason: 'CommandFailed', message: 'ended with 143' },
      },
    },
    {
      name: 'a start that was superseded',
      given: { run: { notes: [note('Superseded', 12, 'a newer start took its place')] }, faults: [fault('agent-kill', 10, 18, 'host-2')] },
    },
    { name: 'a budget that is used up before it is', given: { run: { end: 'failed' }, status: { reason: 'RestartsExhausted', restarts: 0 } } },
  ],
};

describe.each(INVARIANTS)('$name', ({ name, check }) => {
  it('holds for a run in which all went well', () => {
    expect(check(evidence({}))).toEqual([]);
  });

  it('holds for a run that changes its size while it runs', () => {
    expect(check(evidence(live(LIVE)))).toEqual([]);
  });

  it.each(RED[name] ?? [])('is violated by $name, and nothing else is', ({ given, also = [] }) => {
    const seen = evidence(given);
    expect(check(seen)).not.toEqual([]);
    expect([...new Set(violations(seen).map((violation) => violation.split(': ')[0]))].sort()).toEqual([name, ...also].sort());
  });
});

it('each invariant was seen red', () => {
  expect(Object.keys(RED).sort()).toEqual(INVARIANTS.map(({ name }) => name).sort());
});

it('a restart of all that was called for violates nothing', () => {
  expect(violations(evidence({ lines: AGAIN, status: AGAIN_STATUS, run: { notes: [FAILED], closedAtS: 15 } }))).toEqual([]);
});

it('a process on a host that is away, or has been back for a moment, violates nothing', () => {
  const lines = AGAIN.replace('  12.0 start 2.1', '  12.0 seen 1.1 host-3 1\n  12.0 start 2.1');
  const given = { lines, status: AGAIN_STATUS, run: { notes: [FAILED], closedAtS: 15 } };
  expect(violations(evidence({ ...given, faults: [fault('agent-kill', 9, 13, 'host-3')] }))).toEqual([]);
  expect(violations(evidence({ ...given, faults: [fault('temporal-cut', 5, 9, 'host-3')] }))).toEqual([]);
});

it('a host that was away for host_timeout may be lost, also when it was away twice in a row', () => {
  const run = { notes: [note('HostLost', 18, 'silent')] };
  expect(violations(evidence({ run, faults: [fault('agent-freeze', 12, 15, 'host-2'), fault('agent-kill', 16, 19, 'host-2')] }))).toEqual([]);
});

it('a way that was blocked explains nodes that do not meet, whichever of them says so', () => {
  const run = { notes: [note('PeersUnreachable', 11, 'Nodes cannot reach each other: host-2 → host-3 timed out; host-3 → host-2 timed out')] };
  const blocked = (host: string) => violations(evidence({ run, faults: [fault('link-block', 10, 15, host)] }));
  expect([blocked('host-3'), blocked('host-2')]).toEqual([[], []]);
  expect(blocked('host-4')).toEqual([expect.stringContaining('nothing that was done explains PeersUnreachable')]);
});

it('a program whose list changes starts again after a failure, and on a host that had left', () => {
  const again = LIVE.replace('20.0 exit  1.0 host-1 1', '14.2 exit 1.0 host-1 1\n  14.3 start 3.0 host-1 2 read=restart/3/0/a/a\n  20.0 exit  3.0 host-1 2');
  const given = live(again, { run: { notes: [note('HostLost', 14.25, 'silent')], closedAtS: 40 }, faults: [fault('agent-freeze', 5, 16, 'host-2')] });
  expect(violations(evidence(given))).toEqual([]);
  const back = LIVE.replace(
    '20.0 exit  1.0 host-1 1 read=first/5/0/a/a',
    '16.0 start 4.1 host-2 2 read=rescale/4/1/a,b/a,b\n  17.0 beat 1.0 host-1 1 read=first/5/0/a/a\n  20.0 exit',
  );
  expect(violations(evidence(live(back, { faults: [fault('rescale', 15, 15), fault('rescale', 15, 15)] })))).toEqual([]);
});

it('two files that do not agree while a host is away violate nothing', () => {
  const lines = LIVE.replace('14.0 beat', '13.9 beat 1.0 host-1 1 read=first/2/0/a,b/a\n  17.0 beat').replace(
    'first/3/0/a/a\n  14.1',
    'first/2/0/a,b/a\n  14.1',
  );
  expect(violations(evidence(live(lines, { faults: [fault('agent-kill', 13, 16, 'host-1')] })))).toEqual([]);
});
