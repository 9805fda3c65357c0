import { readdirSync, readFileSync } from 'node:fs';
import { defaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { describe, expect, it } from 'vitest';
import type { StoryEvent } from '../../client/story/event.js';
import { factOf, type HistoryEvent, type HistoryFact } from '../../client/story/facts.js';
import { Story } from '../../client/story/story.js';
import type { FailureNote, NodeEnd, RunStatus } from '../../spec/nodes.js';
import { HISTORIES } from '../replay/record.js';

const CONVERTER = { payloadConverter: defaultPayloadConverter, failureConverter: defaultFailureConverter, payloadCodecs: [] };

const lines = (events: readonly StoryEvent[]) => events.map(({ kind, message }) => `${kind}: ${message}`);

function tell(facts: readonly HistoryFact[], notes: readonly FailureNote[] = []): StoryEvent[] {
  const story = new Story(notes);
  return [...facts.flatMap((fact) => story.take(fact)), ...story.end()];
}

/** The facts of a recorded history, and what the run said of its failures at its end. */
async function recorded(file: string): Promise<{ facts: HistoryFact[]; notes: FailureNote[] }> {
  const { events } = historyFromJSON(JSON.parse(readFileSync(`${HISTORIES}${file}`, 'utf8')));
  const facts: HistoryFact[] = [];
  for (const event of events ?? []) {
    const fact = await factOf(event as HistoryEvent, CONVERTER);
    if (fact) facts.push(fact);
  }
  const last = facts.at(-1);
  return { facts, notes: last?.fact === 'over' ? ((last.status as RunStatus | undefined)?.failures ?? []) : [] };
}

describe('of recorded histories', () => {
  const runs = readdirSync(HISTORIES).filter((name) => name.startsWith('run-'));

  it.each(runs)('%s has a beginning, and an end where the run has ended', async (file) => {
    const { facts, notes } = await recorded(file);
    const story = tell(facts, notes);
    expect(['submitted', 'continued']).toContain(story.find(({ atMs }) => atMs >= (facts[0]?.atMs ?? 0))?.kind);
    expect(story.filter(({ kind }) => kind === 'ended')).toHaveLength(facts.at(-1)?.fact === 'over' ? 1 : 0);
    for (const { message } of story) expect(message).toMatch(/^\S[^\n]*[^\s.]$/);
    for (const { atMs } of story) expect(atMs).toBeGreaterThan(1_700_000_000_000);
  });

  it('a restart is told with its cause, what is left of the budget, and the new list', async () => {
    const { facts, notes } = await recorded('run-restarts-all@0.1.json');
    const story = lines(tell(facts, notes));
    const steps = [
      'submitted: A task was submitted by test',
      'queued: Waiting for 2 hosts of the fleet default',
      'sealed: The list of generation 1 is sealed: 0 a 10.0.0.1 and 1 b 10.0.0.2',
      'started: All 2 nodes were released together in generation 1',
      'failed: Node 1 on b exited with code 7 in generation 1; all nodes start again, 1 of 2 restarts left',
      'stopping: All nodes are being stopped',
      'sealed: The list of generation 2 is sealed (restart): 0 a 10.0.0.1 and 1 b 10.0.0.2',
      'started: All 2 nodes were released together in generation 2',
      'ended: Succeeded: All 2 nodes exited with code 0',
    ];
    expect(story.filter((line) => steps.includes(line))).toEqual(steps);
    expect(lines(tell(facts))).toContain('failed: Node 1 on b exited with code 7');
  });
});

const NODES = ['a', 'b', 'c'].map((host, rank) => ({ rank, group: '0', host, address: `10.0.0.${rank + 1}`, interface: 'eth0', port: 1, gpus: 0, id: '' }));
const heard = (name: string, message: unknown, atMs = 0): HistoryFact => ({ atMs, fact: 'heard', name, message });
const told = (name: string, message: unknown, atMs = 0): HistoryFact => ({ atMs, fact: 'told', name, message });
const list = (generation: number, nodes = NODES, more = {}) => ({
  ...{ generation, startReason: 'first', replaced: [], rosterBytes: JSON.stringify({ runId: 'r', generation, masterPort: null, nodes }) },
  ...more,
});
const sealed = told('rosterSealed', list(1));
const exited = (code: number, more = {}): NodeEnd => ({
  ...{ kind: 'exited' as const, code, outOfMemory: false, stopped: false, startNumber: 1, endedAtMs: 0, lastLines: '', clean: true },
  ...more,
});
const ended = (host: string, end: NodeEnd, atMs = 0) => heard('nodesEnded', { cell: 'c', generation: 1, ends: [{ host, end }] }, atMs);
const note = (host: string, atMs: number, message: string): FailureNote => ({
  generation: 1,
  rank: 1,
  host,
  type: 'CommandFailed',
  message,
  lastLines: '',
  atMs,
});
const lost: NodeEnd = {
  kind: 'failed',
  failure: { type: 'HostLost', message: 'Host b was silent for 30 s' },
  unreachable: [],
  startNumber: 1,
  endedAtMs: 0,
  lastLines: '',
  clean: false,
};
const request = (more = {}) => ({ request: 'q', run: { fleet: 'default' }, parts: [{ nodes: 2 }, { nodes: 1 }], hosts: null, extra: false, ...more });
const cell = (hosts: string[], adopt: unknown = null): HistoryFact => ({
  atMs: 0,
  fact: 'cellBegan',
  cell: 'c',
  input: { hosts: hosts.map((host) => ({ host })), adopt },
});

it.each<[string, HistoryFact[], string[], FailureNote[]?]>([
  [
    'a wish for hosts that is repeated is one line',
    [told('leaseRequested', request()), told('leaseRequested', request())],
    ['queued: Waiting for 3 hosts of the fleet default'],
  ],
  ['pinned hosts are named', [told('leaseRequested', request({ hosts: ['a', 'b'] }))], ['queued: Waiting for 3 hosts of the fleet default: a and b']],
  [
    'a wish by signal',
    [heard('rescaleWanted', { nodes: 5 }), heard('rescaleWanted', { nodes: 1 })],
    ['asked: Somebody wants 5 nodes', 'asked: Somebody wants 1 node'],
  ],
  ['a wish by signal for groups', [heard('rescaleWanted', { groups: { workers: 5, head: 1 } })], ['asked: Somebody wants workers: 5, head: 1']],
  ...[undefined, null, 'five', [], { nodes: '5' }, { groups: { workers: {} } }, { groups: {} }].map((nonsense): [string, HistoryFact[], string[]] => [
    `a wish that is ${JSON.stringify(nonsense)}`,
    [heard('rescaleWanted', nonsense)],
    ['asked: Somebody wants another number of nodes'],
  ]),
  ['more hosts than are needed', [told('leaseRequested', request({ extra: true, parts: [{ nodes: 5 }] }))], ['queued: It would take up to 5 more hosts']],
  ['a grant', [heard('hostsGranted', { request: 'q', hosts: [{ host: 'a' }] })], ['granted: The fleet has granted a']],
  ['a refusal', [heard('leaseRefused', { request: 'q', failure: { type: 'CannotBeMet', message: 'the run needs more' } })], ['refused: The run needs more']],
  ['several cells are one line', [cell(['a', 'b']), cell(['c'])], ['gathering: Gathering a, b and c']],
  ['a cell that takes over', [sealed, cell(['b'], {})], ['trouble: Another cell looks after node 1 on b; their programs go on']],
  [
    'who is missing',
    [
      heard('cellGathered', {
        gathered: [{ host: 'a' }, { host: 'c' }],
        missing: [{ host: 'b', failure: { type: 'GatherTimeout', message: 'host b did not answer' } }],
      }),
    ],
    ['gathered: a and c are ready', 'missing: Host b did not answer'],
  ],
  ['a list that several cells hear of', [sealed, sealed], ['sealed: The list of generation 1 is sealed: 0 a 10.0.0.1, 1 b 10.0.0.2 and 2 c 10.0.0.3']],
  [
    'a list after a loss',
    [told('rosterSealed', list(2, NODES.slice(0, 1), { startReason: 'restart', replaced: ['a'] }))],
    ['sealed: The list of generation 2 is sealed (restart; a for lost ones): 0 a 10.0.0.1'],
  ],
  ['nodes that end alike within a second', [sealed, ended('a', exited(0), 0), ended('c', exited(0), 900)], ['exited: Nodes 0 and 2 exited with code 0']],
  [
    'nodes that end alike, later',
    [sealed, ended('a', exited(0), 0), ended('c', exited(0), 1_100)],
    ['exited: Node 0 on a exited with code 0', 'exited: Node 2 on c exited with code 0'],
  ],
  [
    'nodes that end differently',
    [sealed, ended('a', exited(0)), ended('c', exited(137))],
    ['exited: Node 0 on a exited with code 0', 'failed: Node 2 on c ended with 137 (SIGKILL, or exit 137)'],
  ],
  [
    'nodes that were stopped',
    [sealed, ended('a', exited(143, { stopped: true })), ended('b', exited(0, { stopped: true }))],
    ['stopped: Nodes 0 and 1 were stopped'],
  ],
  ['a lost host', [sealed, ended('b', lost)], ['failed: Node 1 on b failed: Host b was silent for 30 s']],
  [
    'what was decided about it',
    [sealed, ended('b', exited(7), 5)],
    ['failed: exited with 7; all start again'],
    [note('b', 6, 'exited with 7; all start again')],
  ],
  [
    'a decision about another end',
    [sealed, ended('b', exited(7), 5)],
    ['failed: long ago', 'failed: Node 1 on b exited with code 7'],
    [note('b', 1, 'long ago')],
  ],
  ['a failure that is no end', [told('rosterSealed', list(1), 9)], ['failed: b has no zsh'], [note('b', 4, 'b has no zsh')]],
  [
    'silence',
    [sealed, heard('nodesSilent', { hosts: ['b'], state: 'silent' }), heard('nodesSilent', { hosts: ['b'], state: 'heard' })],
    ['silent: Nothing is heard of node 1 on b', 'heard: Node 1 on b is heard of again'],
  ],
  ['a start alone', [sealed, heard('nodeRestarted', { host: 'b', startNumber: 2 })], ['restarted: Node 1 on b was started again, alone: its start 2']],
  [
    'a change of the list while the nodes run',
    [
      sealed,
      told('changeProposed', list(2, NODES.slice(0, 2))),
      told('rosterSealed', list(2, NODES.slice(0, 2))),
      told('changeSettled', { generation: 2, outcome: 'made', leave: ['c'] }),
    ],
    [
      'proposed: The nodes meet, to take over the list of generation 2: 0 a 10.0.0.1 and 1 b 10.0.0.2',
      'changed: All have the list of generation 2, 2 nodes; c left',
    ],
  ],
  [
    'who joins nodes that run on',
    [told('rosterSealed', list(1, NODES.slice(0, 1))), told('changeProposed', list(2)), told('changeSettled', { generation: 2, outcome: 'made', leave: [] })],
    [expect.stringMatching(/^proposed: /), 'changed: All have the list of generation 2, 3 nodes; b and c joined'] as never,
  ],
  [
    'a list without a lost host',
    [told('rosterSealed', list(1)), told('rosterSealed', list(2, NODES.slice(0, 2), { startReason: 'restart' }))],
    [expect.stringMatching(/^sealed: /), 'sealed: The list of generation 2 is sealed (restart; c left): 0 a 10.0.0.1 and 1 b 10.0.0.2'],
  ],
  [
    'who joins and who leaves when all start again',
    [told('rosterSealed', list(1, NODES.slice(0, 2))), told('rosterSealed', { ...list(2, NODES.slice(1)), startReason: 'rescale' })],
    [
      'sealed: The list of generation 1 is sealed: 0 a 10.0.0.1 and 1 b 10.0.0.2',
      'sealed: The list of generation 2 is sealed (rescale; c joined; a left): 1 b 10.0.0.2 and 2 c 10.0.0.3',
    ],
  ],
  [
    'a change that comes to nothing',
    [
      sealed,
      told('changeProposed', list(2)),
      told('changeSettled', { generation: 2, outcome: 'doubted', leave: [] }),
      told('changeSettled', { generation: 2, outcome: 'dropped', leave: [] }),
    ],
    [expect.stringMatching(/^proposed: /), 'dropped: Nothing came of generation 2; all is as before'] as never,
  ],
  [
    'a stop that was asked for',
    [{ atMs: 0, fact: 'asked', name: 'stop', message: { mode: 'now' }, by: '7@laptop' }],
    ['asked: Somebody (7@laptop) wants the run to be stopped at once'],
  ],
  [
    'another size',
    [
      { atMs: 0, fact: 'asked', name: 'rescale', message: { nodes: 4 }, by: '' },
      { atMs: 0, fact: 'denied', why: 'it ends' },
    ],
    ['asked: Somebody wants 4 nodes', 'refused: it ends'],
  ],
  ['hosts that were prepared for nothing are no stop', [told('stopDecided', { mode: 'now', generation: 0 })], []],
  [
    'a stop that is told twice',
    [told('stopDecided', { mode: 'graceful', generation: 1 }), told('stopDecided', { mode: 'graceful', generation: 1 })],
    ['stopping: All nodes are being stopped'],
  ],
  ['a fleet that asks before there is anything', [heard('fleetRebuilt', { fleet: 'default' })], []],
  [
    'a run that was terminated',
    [{ atMs: 0, fact: 'over', how: 'terminated', message: 'The workflow was terminated', status: undefined }],
    ['ended: Cancelled: The workflow was terminated'],
  ],
  [
    'a run that goes on with a new history',
    [
      { atMs: 0, fact: 'over', how: 'continued', message: '', status: undefined },
      { atMs: 0, fact: 'began', input: [null, { roster: { generation: 4, nodes: NODES } }], isContinued: true, by: '' },
      ended('b', exited(0)),
    ],
    ['continued: The run goes on with a new history', 'exited: Node 1 on b exited with code 0'],
  ],
])('tells %s', (_, facts, expected, notes = []) => {
  const story = lines(tell(facts, notes));
  // A sealed list comes first where there must be ranks, and is told of only where it is what the row is about.
  const isAbout = expected.some((line) => String(line).startsWith('sealed: '));
  expect(isAbout ? story : story.filter((line) => !line.startsWith('sealed: '))).toEqual(expected);
});

it('gives each line its time, generation, nodes and reason', () => {
  const [, failed] = tell([{ ...sealed, atMs: 1 }, ended('b', lost, 7)]);
  expect(failed).toEqual({
    atMs: 7,
    kind: 'failed',
    message: 'Node 1 on b failed: Host b was silent for 30 s',
    generation: 1,
    nodes: [{ rank: 1, host: 'b' }],
    reason: 'HostLost',
  });
});

it('names some of many', () => {
  const many = Array.from({ length: 300 }, (_, rank) => ({ ...(NODES[0] as (typeof NODES)[0]), rank, host: `h${rank}` }));
  const [list1, all] = lines(tell([told('rosterSealed', list(1, many)), heard('nodesEnded', { ends: many.map(({ host }) => ({ host, end: exited(0) })) })]));
  expect(list1).toMatch(/: 0 h0 10\.0\.0\.1, .* and 294 more$/);
  expect(all).toBe('exited: Nodes 0, 1, 2, 3, 4, 5 and 294 more exited with code 0');
});
