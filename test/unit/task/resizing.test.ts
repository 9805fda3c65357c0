import { describe, expect, it, test } from 'vitest';
import { readSubmitted } from '../../../client/submitted.js';
import { describeProblem, parseTask } from '../../../spec/task/parse.js';
import type { Task } from '../../../spec/task/task.js';
import { readTaskYaml } from '../../../spec/task/yaml.js';

const commands = ['python train.py'];
const groups = [
  { name: 'head', commands },
  { name: 'workers', nodes: 3, commands },
];
const DURATION = 'a duration such as `30`, `30s`, `5m`, `2h`, `1d` or `1w`';

function parse(input: Record<string, unknown>) {
  return parseTask({ ...('groups' in input ? {} : { commands }), ...input }, { defaultName: 'demo' });
}

function taskOf(input: Record<string, unknown>): Task {
  const parsed = parse(input);
  return parsed.ok ? parsed.task : expect.fail(parsed.problems.map(describeProblem).join('\n'));
}

function complaints(input: Record<string, unknown>): string[] {
  const parsed = parse(input);
  return parsed.ok ? [] : parsed.problems.map(describeProblem);
}

function warnings(input: Record<string, unknown>): string[] {
  return parse(input).warnings.map(describeProblem);
}

describe('nodes', () => {
  it.each<[unknown, number, Task['elastic']]>([
    [3, 3, null],
    ['2..8', 2, { min: 2, max: 8 }],
    [' 2 .. 8 ', 2, { min: 2, max: 8 }],
    ['1..2000', 1, { min: 1, max: 2_000 }],
    [{ min: 2, max: 8 }, 2, { min: 2, max: 8 }],
    ['4..4', 4, null],
    [{ min: 1, max: 1 }, 1, null],
  ])('%j is read', (nodes, least, elastic) => {
    const task = taskOf({ nodes });
    expect([task.nodes, task.groups[0]?.nodes, task.elastic]).toEqual([least, least, elastic]);
  });

  it.each<[unknown, string]>([
    ['2..', 'nodes: expected both ends of the range, as in `2..8`, got "2.."; the most is 2000'],
    ['..8', 'nodes: expected both ends of the range, as in `2..8`, got "..8"; the most is 2000'],
    [{ min: 2 }, 'nodes: expected both `min` and `max`, got no `max`'],
    [{ min: null, max: 2 }, 'nodes: expected both `min` and `max`, got no `min`'],
    [{}, 'nodes: expected both `min` and `max`, got neither'],
    ['8..2', 'nodes: expected a range from the smaller to the larger, got 8..2'],
    [{ min: 8, max: 2 }, 'nodes: expected a range from the smaller to the larger, got 8..2'],
    ['0..4', 'nodes: expected at least 1, got 0'],
    ['2..2001', 'nodes: expected at most 2000, got 2001'],
    [{ min: 0, max: 4 }, 'nodes.min: expected at least 1, got 0'],
    [{ min: 1, max: 2_001 }, 'nodes.max: expected at most 2000, got 2001'],
    [{ min: '2', max: 4 }, 'nodes.min: expected a whole number such as `3`, got "2"'],
    [{ min: 1, max: 4.5 }, 'nodes.max: expected a whole number such as `3`, got 4.5'],
    [{ min: 1, most: 4 }, 'nodes: `most` is not a known key'],
    ['2-8', 'nodes: expected a whole number such as `3`, or a range such as `2..8`, got "2-8"'],
    ['1..2..3', 'nodes: expected a whole number such as `3`, or a range such as `2..8`, got "1..2..3"'],
    ['-1..3', 'nodes: expected a whole number such as `3`, or a range such as `2..8`, got "-1..3"'],
    ['1.5..3', 'nodes: expected a whole number such as `3`, or a range such as `2..8`, got "1.5..3"'],
  ])('%j is refused', (nodes, message) => {
    expect(complaints({ nodes })).toEqual([message]);
  });

  test('a range does not go with named hosts, and the same number twice does', () => {
    expect(complaints({ nodes: '1..3', hosts: ['a', 'b'] })).toEqual([
      'nodes: expected 2, the number of `hosts`, got a range; a run whose hosts are named takes no others, and all of these',
    ]);
    expect(taskOf({ nodes: '2..2', hosts: ['a', 'b'] }).nodes).toBe(2);
  });

  test('templates name only nodes that are always there', () => {
    const ping = (node: number) => [`ping \${{ groups[0].nodes[${node}].IP_ADDRESS }}`];
    expect(complaints({ nodes: '2..8', commands: ping(1) })).toEqual([]);
    expect(complaints({ nodes: '2..8', commands: ping(2) })).toEqual([
      'commands[0]: expected a node of groups[0] that is there, got nodes[2]; the last index is 1',
    ]);
    expect(complaints({ nodes: 3, on_host_loss: 'shrink', commands: ping(0) })).toEqual([]);
    expect(complaints({ nodes: 3, on_host_loss: 'shrink', commands: ping(2) })).toEqual([
      'commands[0]: expected a node that is always there, got nodes[2] of groups[0]; `on_host_loss: shrink` may leave nodes[0] alone',
    ]);
    expect(complaints({ nodes: '3..4', on_host_loss: 'shrink', commands: ping(2) })).toEqual([]);
  });
});

describe('on_resize', () => {
  it.each<[unknown, Task['onResize']]>([
    ['restart', { do: 'restart' }],
    ['file', { do: 'file' }],
    ['signal', { do: 'signal', signal: 'SIGHUP' }],
    [{ signal: 'SIGUSR1' }, { do: 'signal', signal: 'SIGUSR1' }],
    [{ signal: 'usr2' }, { do: 'signal', signal: 'SIGUSR2' }],
    [{ signal: 'WINCH' }, { do: 'signal', signal: 'SIGWINCH' }],
    [
      { signal: 1, exec: null, timeout: null },
      { do: 'signal', signal: 'SIGHUP' },
    ],
    [{ exec: './reload.sh' }, { do: 'exec', command: './reload.sh', timeoutSeconds: 60 }],
    [
      { exec: './reload.sh', timeout: '5m' },
      { do: 'exec', command: './reload.sh', timeoutSeconds: 300 },
    ],
  ])('%j is read', (on_resize, onResize) => {
    expect(taskOf({ on_resize }).onResize).toEqual(onResize);
  });

  const WHAT = '`restart`, `file`, `signal`, or a map with `signal` or `exec`';
  it.each<[unknown, string]>([
    ['exec', `on_resize: expected ${WHAT}, got "exec"`],
    ['SIGHUP', `on_resize: expected ${WHAT}, got "SIGHUP"`],
    [true, `on_resize: expected ${WHAT}, got true`],
    [{}, 'on_resize: expected a map with `signal` or `exec`, got neither'],
    [{ timeout: 5 }, 'on_resize: expected a map with `signal` or `exec`, got neither'],
    [{ signal: 'HUP', exec: 'true' }, 'on_resize: expected a map with `signal` or `exec`, got both'],
    [{ signal: 'HUP', timeout: 5 }, 'on_resize: expected `exec` beside `timeout`, got `signal`, which nobody waits for'],
    [{ signal: 'KILL' }, 'on_resize.signal: expected a signal that a program can catch, got "KILL"'],
    [{ signal: 9 }, 'on_resize.signal: expected a signal that a program can catch, got 9'],
    [{ signal: 'STOP' }, 'on_resize.signal: expected a signal that a program can catch, got "STOP"'],
    [{ signal: 'USR' }, 'on_resize.signal: expected a signal such as `SIGTERM`, `INT` or `15`, got "USR"; did you mean `SIGUSR1`?'],
    [{ exec: ['a'] }, 'on_resize.exec: expected a command as text, got a list'],
    [{ exec: ' ' }, 'on_resize.exec: expected a command as text, got " "'],
    [{ exec: 'a\0' }, 'on_resize.exec: expected a command as text, got a NUL byte in it'],
    [{ exec: 'true', timeout: 0 }, 'on_resize.timeout: expected at least 1s, got 0'],
    [{ exec: 'true', timeout: 'off' }, `on_resize.timeout: expected ${DURATION}, got "off"; this wait always has a limit`],
    [{ exec: 'true', timout: 5 }, 'on_resize: `timout` is not a known key; did you mean `timeout`?'],
    [{ exec: 'ping ${{ groups[0].nodes[1].IP_ADDRESS }}' }, 'on_resize.exec: expected a node of groups[0] that is there, got nodes[1]; its only index is 0'],
  ])('%j is refused', (on_resize, message) => {
    expect(complaints({ on_resize })).toEqual([message]);
  });

  test('its command may hold the address of a node', () => {
    const exec = 'ping ${{ groups[workers].nodes[2].IP_ADDRESS }}';
    expect(taskOf({ groups, on_resize: { exec } }).onResize).toEqual({ do: 'exec', command: exec, timeoutSeconds: 60 });
  });

  const MASTER =
    'on_resize: expected `restart` beside `stop_criteria: master-done`, got `file`, with which another node may become the master while it runs; choose `on_resize: restart`';
  const ORDER = (order: string, how: string) =>
    `on_resize: expected \`restart\` beside \`startup_order: ${order}\`, got \`${how}\`, with which newcomers start while the others run; choose \`on_resize: restart\``;
  it.each<[Record<string, unknown>, string[]]>([
    [{ on_resize: 'file', stop_criteria: 'master-done' }, [MASTER]],
    [{ on_resize: 'file', stop_criteria: 'all-done' }, []],
    [{ on_resize: 'restart', stop_criteria: 'master-done', startup_order: 'master-first' }, []],
    [{ on_resize: 'signal', startup_order: 'master-first' }, [ORDER('master-first', 'signal')]],
    [{ on_resize: { exec: 'true' }, startup_order: { order: 'workers-first' } }, [ORDER('workers-first', 'exec')]],
    [{ on_resize: 'file', startup_order: 'any' }, []],
    [{ on_resize: 'file', stop_criteria: 'master-done', startup_order: 'workers-first' }, [MASTER, ORDER('workers-first', 'file')]],
    [{ on_resize: 'file', nodes_env: 'file' }, []],
    [{ on_resize: 'file', groups }, []],
  ])('%j has these problems: %j', (input, messages) => {
    expect(complaints(input)).toEqual(messages);
  });

  it.each<[Record<string, unknown>, string[]]>([
    [{ on_resize: 'restart', dialects: ['torch'] }, []],
    [{ on_resize: 'file', dialects: [] }, []],
    [{ on_resize: 'file', nodes_env: 'file' }, []],
    [
      { on_resize: 'signal', dialects: ['torch'] },
      ['dialects: `torch` tells the address and the port of the master at the start only; with `on_resize: signal` nodes that run on do not hear of another'],
    ],
  ])('%j has these warnings: %j', (input, messages) => {
    expect([complaints(input), warnings(input)]).toEqual([[], messages]);
  });
});

describe('settle', () => {
  it.each([
    [0, 0],
    ['45s', 45],
    ['10m', 600],
  ])('%j is read', (settle, seconds) => {
    expect([taskOf({ nodes: '2..8', settle }).settleSeconds, warnings({ nodes: '2..8', settle })]).toEqual([seconds, []]);
  });

  it.each([
    ['601s', 'settle: expected at most 10m, got "601s"'],
    [-1, 'settle: expected at least 0s, got -1'],
    ['off', `settle: expected ${DURATION}, got "off"; this wait always has a limit`],
  ])('%j is refused', (settle, message) => {
    expect(complaints({ nodes: '2..8', settle })).toEqual([message]);
  });

  it.each([[{ nodes: 3 }], [{}], [{ nodes: '3..3' }]])('beside %j it warns that it has no effect', (input) => {
    expect(warnings({ ...input, settle: '5s' })).toEqual(['`settle` has no effect without a range such as `nodes: 2..8`: no other run grows by itself']);
  });

  test('beside nodes that were refused it warns of nothing', () => {
    expect([complaints({ nodes: '2..', settle: 5 }).length, warnings({ nodes: '2..', settle: 5 })]).toEqual([1, []]);
  });
});

describe('spares', () => {
  it.each<[Record<string, unknown>, number]>([
    [{ spares: 2, on_host_loss: 'replace' }, 2],
    [{ spares: 100, restart: 1 }, 100],
    [{ spares: 1, retry: true }, 1],
    [{ spares: 1, nodes: '2..4', on_host_loss: 'replace' }, 1],
    [{ spares: 1, groups, restart: {} }, 1],
    [{ spares: 0 }, 0],
    [{ spares: 0, hosts: ['a'] }, 0],
  ])('of %j are %i', (input, spares) => {
    expect(taskOf(input).spares).toBe(spares);
  });

  const beside = (got: string) => `spares: expected \`on_host_loss: replace\` beside \`spares\`, got \`${got}\`; a spare takes the place of a lost host`;
  it.each<[Record<string, unknown>, string]>([
    [{ spares: 1 }, beside('fail')],
    [{ spares: 1, restart: 3, on_host_loss: 'fail' }, beside('fail')],
    [{ spares: 1, nodes: '2..8', restart: 3 }, beside('shrink')],
    [{ spares: 1, on_host_loss: 'shrink' }, beside('shrink')],
    [{ spares: 1, restart: 3, hosts: ['a'] }, 'spares: expected no spares beside `hosts`, got 1; a run whose hosts are named takes no others'],
    [{ spares: 101, restart: 1 }, 'spares: expected a whole number from 0 to 100, got 101'],
    [{ spares: -1, restart: 1 }, 'spares: expected a whole number from 0 to 100, got -1'],
    [{ spares: 1.5, restart: 1 }, 'spares: expected a whole number from 0 to 100, got 1.5'],
    [{ spares: '1', restart: 1 }, 'spares: expected a whole number from 0 to 100, got "1"'],
    [{ spares: 1, on_host_loss: 'swap' }, 'on_host_loss: expected `fail`, `replace` or `shrink`, got "swap"'],
    [{ spares: 1, restart: -1 }, 'restart: expected a whole number from 0 to 1000, got -1'],
  ])('%j is refused', (input, message) => {
    expect(complaints(input)).toEqual([message]);
  });
});

test.each([
  'nodes: 2..8\nsettle: 5s\non_resize: signal',
  'nodes: {min: 2, max: 8}\non_host_loss: replace\nspares: 2\non_resize: {exec: ./reload.sh, timeout: 5}',
  'nodes: 4..4\non_host_loss: shrink\non_resize: {signal: USR1}',
])('what is submitted of %j means the same to who reads it next', (yaml) => {
  const read = readTaskYaml(`${yaml}\nenv: [TOKEN]\ncommands: [a]\n`);
  const { submitted, parsed } = readSubmitted(read.ok ? (read.value as Record<string, unknown>) : expect.fail('no YAML'), { TOKEN: 't' }, 'demo');
  const again = parseTask(JSON.parse(JSON.stringify(submitted)), { defaultName: 'demo' });
  expect(again).toMatchObject({ ok: true, task: parsed });
});
