import { describe, expect, test } from 'vitest';
import { describeProblem, parseTask } from '../../../spec/task/parse.js';
import { readTemplates, renderTemplates } from '../../../spec/task/template.js';

const head = { name: 'head', commands: ['ray start --head'] };
const workers = { name: 'workers', nodes: 2, commands: ['ray start --address=${{ groups[0].nodes[0].IP_ADDRESS }}:6379'] };

function parse(input: Record<string, unknown>) {
  return parseTask(input, { defaultName: 'demo' });
}

function complaints(input: Record<string, unknown>): string[] {
  const parsed = parse(input);
  return parsed.ok ? [] : parsed.problems.map(describeProblem);
}

describe('groups', () => {
  test('ranks run over them in order, and each has its own commands', () => {
    const parsed = parse({ groups: [head, workers], where: { site: 'a' } });
    expect(parsed.ok && [parsed.task.nodes, parsed.task.groups]).toEqual([
      3,
      [
        { name: 'head', nodes: 1, commands: head.commands, resources: null, where: { site: 'a' } },
        { name: 'workers', nodes: 2, commands: workers.commands, resources: null, where: { site: 'a' } },
      ],
    ]);
  });

  test('a group without a name has its number', () => {
    const parsed = parse({ groups: [{ commands: ['a'] }, { commands: ['b'], where: { rack: 1 } }] });
    expect(parsed.ok && parsed.task.groups.map(({ name, where }) => [name, where])).toEqual([
      ['0', {}],
      ['1', { rack: '1' }],
    ]);
  });

  test.each([
    [{ groups: [head], nodes: 2 }, 'nodes: expected `nodes` in each of `groups`, got it beside them'],
    [{ groups: [head], commands: ['x'] }, 'commands: expected `commands` in each of `groups`, got it beside them'],
    [{ groups: [head, head] }, 'groups[1].name: `head` is already the name of groups[0]'],
    [{ groups: [{ name: 'head' }] }, 'groups[0].commands: expected a list of commands, got nothing'],
    [{ groups: [] }, 'groups: expected at least one group, got an empty list'],
    [{ groups: { head: {} } }, 'groups: expected a list of groups, each a map with `commands`, and `name` and `nodes`, got a map'],
    [
      { groups: [{ ...head, nodes: '1..2' }] },
      'groups[0].nodes: expected a whole number such as `3`, got a range of them; only a task without `groups` takes one, as `nodes: 2..8`',
    ],
    [
      { groups: [{ ...head, nodes: { min: 1 } }] },
      'groups[0].nodes: expected a whole number such as `3`, got a range of them; only a task without `groups` takes one, as `nodes: 2..8`',
    ],
    [{ groups: [{ ...head, nodes: 0 }] }, 'groups[0].nodes: expected at least 1, got 0'],
    [{ groups: [{ ...head, nodes: '2' }] }, 'groups[0].nodes: expected a whole number such as `3`, got "2"'],
    [{ groups: [head], nodes: '2..8' }, 'nodes: expected `nodes` in each of `groups`, got it beside them'],
    [{ groups: [{ ...head, node: 2 }] }, 'groups[0]: `node` is not a known key; did you mean `nodes`?'],
    [{ groups: [{ ...head, name: '1st' }] }, 'groups[0].name: expected a name of letters, digits, `-` and `_` that begins with a letter, got "1st"'],
    [
      {
        groups: [
          { ...head, nodes: 1_500 },
          { ...workers, nodes: 600 },
        ],
      },
      'groups: expected at most 2000 nodes in all groups together, got 2100',
    ],
    [{ groups: [head, workers], hosts: ['a'] }, 'groups: expected 1, the number of `hosts`, got 3'],
    [{ groups: [{ ...head, where: { 'a b': 1 } }] }, 'groups[0].where: expected the name of a label, of letters, digits, `.`, `_`, `/` and `-`, got "a b"'],
    [{ groups: [{ ...head, where: { rack: [] } }] }, 'groups[0].where.rack: expected a text, got an empty list'],
  ])('%j is refused', (input, message) => {
    expect(complaints(input)).toEqual([message]);
  });

  test('ports and what chooses machines give one warning each, whichever group has them', () => {
    const parsed = parse({
      groups: [
        { ...head, ports: [8265], python: 3.12 },
        { ...workers, ports: [1] },
      ],
    });
    expect(parsed.warnings.map(describeProblem)).toEqual([
      'groups[0].python: `python` chooses machines in dstack and has no effect here',
      'groups[0].ports: `ports` is not forwarded to you here: a program is reached at the address of its node',
    ]);
  });
});

describe('templates', () => {
  const groups = [
    { name: 'head', addresses: ['10.0.0.1'] },
    { name: 'workers', addresses: ['10.0.0.2', '10.0.0.3'] },
  ];

  test.each([
    ['${{ groups[0].nodes[0].IP_ADDRESS }}:6379', '10.0.0.1:6379'],
    ['a ${{groups[1].nodes[1].IP_ADDRESS}} b ${{ groups[workers].nodes[0].IP_ADDRESS }}', 'a 10.0.0.3 b 10.0.0.2'],
    [`\${{ groups["head"].nodes[0].IP_ADDRESS }} \${{ groups['workers'].nodes[0].IP_ADDRESS }}`, '10.0.0.1 10.0.0.2'],
    ['$${{ groups[0].nodes[0].IP_ADDRESS }}', '${{ groups[0].nodes[0].IP_ADDRESS }}'],
    ['$$${{ x }}', '$${{ x }}'],
    ['$$ ${A} $((1)) {{ x }} }}', '$$ ${A} $((1)) {{ x }} }}'],
    ['', ''],
  ])('%s is rendered', (text, rendered) => {
    expect(renderTemplates(text, groups)).toBe(rendered);
  });

  test.each([
    ['${{ groups[2].nodes[0].IP_ADDRESS }}', 'expected a group that is there, got groups[2]; the last index is 1'],
    ['${{ groups[1].nodes[2].IP_ADDRESS }}', 'expected a node of groups[1] that is there, got nodes[2]; the last index is 1'],
    ['${{ groups[head].nodes[1].IP_ADDRESS }}', 'expected a node of groups[head] that is there, got nodes[1]; its only index is 0'],
    ['${{ groups[worker].nodes[0].IP_ADDRESS }}', 'expected the name of a group, got "worker"; did you mean `workers`?'],
    [
      '${{ groups[0].node[0].IP_ADDRESS }}',
      'expected `${{ groups[i].nodes[j].IP_ADDRESS }}`, `i` a number or the name of a group, got "${{ groups[0].node[0].IP_ADDRESS }}"; write `$${{` for the text `${{`',
    ],
    ['${{ groups[0]', 'expected `}}` on the line of `${{`, got none; write `$${{` for the text `${{`'],
  ])('%s is refused', (text, message) => {
    const told: string[] = [];
    const sizes = groups.map(({ name, addresses }) => ({ name, nodes: addresses.length }));
    readTemplates(text, sizes, (sentence) => told.push(sentence));
    expect(told).toEqual([message]);
  });

  test('a template is checked in every command, with its place', () => {
    const bad = 'ping ${{ groups[0].nodes[7].IP_ADDRESS }}';
    expect(complaints({ groups: [head, { ...workers, commands: ['true', bad] }] })).toEqual([
      'groups[1].commands[1]: expected a node of groups[0] that is there, got nodes[7]; its only index is 0',
    ]);
    expect(complaints({ nodes: 2, commands: [bad] })).toEqual(['commands[0]: expected a node of groups[0] that is there, got nodes[7]; the last index is 1']);
  });
});

describe('the order of start', () => {
  test.each([
    ['workers-first', { order: 'workers-first', ready: null }],
    [{ order: 'any' }, { order: 'any', ready: null }],
    [
      { order: 'master-first', ready: { port: 6379 } },
      { order: 'master-first', ready: { port: 6379, command: null, timeoutSeconds: 120 } },
    ],
    [
      { order: 'master-first', ready: { command: 'true', timeout: 5 } },
      { order: 'master-first', ready: { port: null, command: 'true', timeoutSeconds: 5 } },
    ],
  ])('%j is read', (startup_order, startup) => {
    const parsed = parse({ nodes: 2, commands: ['a'], startup_order });
    expect(parsed.ok && parsed.task.startup).toEqual(startup);
  });

  test.each([
    ['master', 'startup_order: expected `any`, `master-first` or `workers-first`, or a map with `order` and `ready`, got "master"'],
    [
      { order: 'any', ready: { port: 1 } },
      'startup_order: expected `order: master-first` or `order: workers-first` beside `ready`, got `any`, where nobody waits',
    ],
    [{ order: 'master-first', ready: {} }, 'startup_order.ready: expected a map with `port` or `command`, got neither'],
    [{ order: 'master-first', ready: { port: 1, command: 'x' } }, 'startup_order.ready: expected a map with `port` or `command`, got both'],
    [{ order: 'master-first', ready: { port: 70_000 } }, 'startup_order.ready.port: expected a port from 1 to 65535, got 70000'],
    [{ order: 'master-first', ready: { command: ' ' } }, 'startup_order.ready.command: expected a command as text, got " "'],
    [
      { order: 'master-first', ready: { command: 'ping ${{ groups[0].nodes[9].IP_ADDRESS }}' } },
      'startup_order.ready.command: expected a node of groups[0] that is there, got nodes[9]; the last index is 1',
    ],
    [{ ready: { port: 1 } }, 'startup_order.order: expected `any`, `master-first` or `workers-first`, got nothing'],
  ])('%j is refused', (startup_order, message) => {
    expect(complaints({ nodes: 2, commands: ['a'], startup_order })).toEqual([message]);
  });
});
