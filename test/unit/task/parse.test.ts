import { describe, expect, test } from 'vitest';
import { describeProblem, parseTask } from '../../../spec/task/parse.js';
import { DEFAULTS, type Task } from '../../../spec/task/task.js';

const commands = ['echo hello'];

function parse(input: unknown, submitterEnv?: Record<string, string>) {
  return parseTask(input, { defaultName: 'demo', ...(submitterEnv === undefined ? {} : { submitterEnv }) });
}

function taskOf(more: Record<string, unknown>): Task {
  const parsed = parse({ commands, ...more });
  if (!parsed.ok) throw new Error(parsed.problems.map(describeProblem).join('\n'));
  return parsed.task;
}

function complaints(input: unknown): string[] {
  const parsed = parse(input);
  return parsed.ok ? [] : parsed.problems.map(describeProblem);
}

test('every key that is not given has its default', () => {
  expect(parse({ commands })).toEqual({
    ok: true,
    warnings: [],
    task: {
      name: 'demo',
      nodes: 1,
      groups: [{ name: '0', nodes: 1, commands, resources: null, where: {} }],
      shell: 'bash',
      env: {},
      workingDir: null,
      hosts: null,
      startup: { order: 'any', ready: null },
      nodesEnv: 'variable',
      dialects: [],
      archives: [],
      repo: null,
      schedule: null,
      restart: { scope: 'all', attempts: 0, losses: 10, windowSeconds: 3_600, backoff: { firstSeconds: 1, maxSeconds: 300 }, rules: [] },
      onHostLoss: 'fail',
      onResize: { do: 'restart' },
      elastic: null,
      settleSeconds: 30,
      spares: 0,
      fencing: 'reachable',
      health: null,
      stopCriteria: 'all-done',
      stopSignal: 'SIGTERM',
      stopDurationSeconds: 30,
      maxDurationSeconds: null,
      hostTimeoutSeconds: 30,
      unmet: 'refuse',
      queueTimeoutSeconds: 600,
      gatherTimeoutSeconds: 120,
      preflight: null,
      network: null,
      interface: null,
      fleet: 'default',
    },
  });
});

test('null means not given, for every key', () => {
  const keys =
    'type name nodes shell env working_dir hosts resources stop_criteria stop_signal stop_duration max_duration groups where startup_order nodes_env dialects restart retry health on_host_loss on_resize settle spares fencing preflight files repos archives repo';
  const nulls = Object.fromEntries(`${keys} host_timeout queue_timeout gather_timeout network interface fleet`.split(' ').map((key) => [key, null]));
  expect(taskOf(nulls)).toEqual({ name: 'demo', ...DEFAULTS, groups: [{ name: '0', nodes: 1, commands, resources: null, where: {} }] });
});

test('a task that gives every key keeps every value', () => {
  const { task } = parse({
    type: 'task',
    name: 'train',
    nodes: 2,
    commands: ['a', 'b'],
    shell: '/bin/zsh',
    env: ['A=1'],
    where: { rack: 7 },
    startup_order: { order: 'master-first', ready: { port: 80, timeout: '9s' } },
    nodes_env: 'file',
    dialects: ['torch', 'torch'],
    restart: { scope: 'node', attempts: 5, losses: 1, window: '2h', backoff: '2s..1m', rules: [{ exit_codes: ['SEGV'], do: 'fail' }] },
    health: { command: 'true', interval: 1, timeout: 2, failures: 4, start_period: 5 },
    fencing: 'strict',
    on_host_loss: 'fail',
    working_dir: '/data',
    hosts: ['gpu-1', 'gpu-2'],
    stop_criteria: 'master-done',
    stop_signal: 'INT',
    stop_duration: '1m',
    max_duration: '2h',
    host_timeout: '5s',
    queue_timeout: 60,
    gather_timeout: '30 s',
    preflight: 'ring',
    network: '10.1.2.3/16',
    interface: 'eth1',
    fleet: 'lab',
  }) as { task: Task };
  expect(task).toEqual({
    name: 'train',
    nodes: 2,
    groups: [{ name: '0', nodes: 2, commands: ['a', 'b'], resources: null, where: { rack: '7' } }],
    shell: '/bin/zsh',
    env: { A: '1' },
    workingDir: '/data',
    hosts: ['gpu-1', 'gpu-2'],
    startup: { order: 'master-first', ready: { port: 80, command: null, timeoutSeconds: 9 } },
    nodesEnv: 'file',
    dialects: ['torch'],
    archives: [],
    repo: null,
    schedule: null,
    restart: {
      ...{ scope: 'node', attempts: 5, losses: 1, windowSeconds: 7_200, backoff: { firstSeconds: 2, maxSeconds: 60 } },
      rules: [{ exitCodes: [{ from: 139, to: 139 }], causes: [], groups: [], do: 'fail', charge: 'budget' }],
    },
    onHostLoss: 'fail',
    onResize: { do: 'restart' },
    elastic: null,
    settleSeconds: 30,
    spares: 0,
    fencing: 'strict',
    health: { port: null, command: 'true', intervalSeconds: 1, timeoutSeconds: 2, failures: 4, startPeriodSeconds: 5 },
    stopCriteria: 'master-done',
    stopSignal: 'SIGINT',
    stopDurationSeconds: 60,
    maxDurationSeconds: 7_200,
    hostTimeoutSeconds: 5,
    unmet: 'wait',
    queueTimeoutSeconds: 60,
    gatherTimeoutSeconds: 30,
    preflight: 'ring',
    network: '10.1.0.0/16',
    interface: 'eth1',
    fleet: 'lab',
  } satisfies Task);
});

describe('good values', () => {
  test.each<[string, unknown, keyof Task, unknown]>([
    ['nodes', 2_000, 'nodes', 2_000],
    ['stop_signal', 'SIGTERM', 'stopSignal', 'SIGTERM'],
    ['stop_signal', 'TERM', 'stopSignal', 'SIGTERM'],
    ['stop_signal', 15, 'stopSignal', 'SIGTERM'],
    ['stop_signal', '15', 'stopSignal', 'SIGTERM'],
    ['stop_signal', 'sigkill', 'stopSignal', 'SIGKILL'],
    ['stop_duration', 0, 'stopDurationSeconds', 0],
    ['max_duration', 'off', 'maxDurationSeconds', null],
    ['max_duration', false, 'maxDurationSeconds', null],
    ['max_duration', 30, 'maxDurationSeconds', 30],
    ['max_duration', '30', 'maxDurationSeconds', 30],
    ['max_duration', '30s', 'maxDurationSeconds', 30],
    ['max_duration', '5m', 'maxDurationSeconds', 300],
    ['max_duration', '2h', 'maxDurationSeconds', 7_200],
    ['max_duration', '1d', 'maxDurationSeconds', 86_400],
    ['max_duration', '1w', 'maxDurationSeconds', 604_800],
    ['network', '10.0.0.5/24', 'network', '10.0.0.0/24'],
    ['network', 'FD00:0::1/64', 'network', 'fd00::/64'],
    ['shell', 'sh', 'shell', 'sh'],
    ['interface', 'br-0123456789ab', 'interface', 'br-0123456789ab'],
  ])('%s: %j', (key, value, field, expected) => {
    expect(taskOf({ [key]: value })[field]).toEqual(expected);
  });
});

describe('bad values', () => {
  test.each<[Record<string, unknown>, string]>([
    [{ nodes: 0 }, 'nodes: expected at least 1, got 0'],
    [{ nodes: -1 }, 'nodes: expected at least 1, got -1'],
    [{ nodes: 2_001 }, 'nodes: expected at most 2000, got 2001'],
    [{ nodes: 2.5 }, 'nodes: expected a whole number such as `3`, or a range such as `2..8`, got 2.5'],
    [{ nodes: Number.NaN }, 'nodes: expected a whole number such as `3`, or a range such as `2..8`, got NaN'],
    [{ nodes: '3' }, 'nodes: expected a whole number such as `3`, or a range such as `2..8`, got "3"'],
    [{ nodes: [] }, 'nodes: expected a whole number such as `3`, or a range such as `2..8`, got an empty list'],
    [{ type: 'service' }, 'type: expected `task`, the only type that Muster runs, got "service"'],
    [{ name: 'Train' }, 'name: expected a name of 2 to 41 lower-case letters, digits and `-` that begins with a letter, got "Train"'],
    [
      { name: `a${'b'.repeat(41)}` },
      'name: expected a name of 2 to 41 lower-case letters, digits and `-` that begins with a letter, got "abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…"',
    ],
    [{ commands: 'echo' }, 'commands: expected a list of commands, got "echo"'],
    [{ commands: null }, 'commands: expected a list of commands, got nothing'],
    [{ commands: [] }, 'commands: expected at least one command, got an empty list'],
    [{ commands: ['a', ' '] }, 'commands[1]: expected a command as text, got " "'],
    [{ commands: ['a\0'] }, 'commands[0]: expected a command as text, got a NUL byte in it'],
    [{ commands: [{ a: 1 }] }, 'commands[0]: expected a command as text, got a map; put a command that YAML reads otherwise in quotes'],
    [{ shell: 'zsh' }, 'shell: expected `sh`, `bash` or an absolute path, got "zsh"'],
    [{ working_dir: '' }, 'working_dir: expected a path, got an empty text'],
    [{ hosts: [] }, 'hosts: expected at least one host id, got an empty list'],
    [{ hosts: 'gpu-1' }, 'hosts: expected a list of host ids, got "gpu-1"'],
    [{ hosts: ['a', 'b', 'a'] }, 'hosts[2]: "a" is already given at hosts[0]'],
    [{ hosts: ['a b'] }, 'hosts[0]: expected the id of a host, got "a b"'],
    [{ hosts: Array.from({ length: 2_001 }, (_, i) => `h${i}`) }, 'hosts: expected at most 2000 host ids, got more'],
    [{ hosts: ['a', 'b'], nodes: 3 }, 'nodes: expected 2, the number of `hosts`, got 3'],
    [{ stop_criteria: 'some' }, 'stop_criteria: expected `all-done` or `master-done`, got "some"'],
    [{ stop_signal: 'SIGSTOP' }, 'stop_signal: expected a signal that ends a program, got "SIGSTOP"'],
    [{ stop_signal: 19 }, 'stop_signal: expected a signal that ends a program, got 19'],
    [{ stop_signal: 'TREM' }, 'stop_signal: expected a signal such as `SIGTERM`, `INT` or `15`, got "TREM"; did you mean `SIGTERM`?'],
    [{ stop_signal: 0 }, 'stop_signal: expected a signal such as `SIGTERM`, `INT` or `15`, got 0'],
    [{ stop_duration: -1 }, 'stop_duration: expected at least 0s, got -1'],
    [{ stop_duration: 'off' }, 'stop_duration: expected a duration such as `30`, `30s`, `5m`, `2h`, `1d` or `1w`, got "off"; this wait always has a limit'],
    [{ max_duration: true }, 'max_duration: expected a duration such as `30`, `30s`, `5m`, `2h`, `1d` or `1w`, got true'],
    [{ max_duration: '1.5h' }, 'max_duration: expected a duration such as `30`, `30s`, `5m`, `2h`, `1d` or `1w`, got "1.5h"'],
    [{ max_duration: 0 }, 'max_duration: expected at least 1s, got 0'],
    [{ max_duration: '999999w' }, 'max_duration: expected at most 3650d, got "999999w"'],
    [{ host_timeout: '4s' }, 'host_timeout: expected at least 5s, got "4s"'],
    [{ queue_timeout: [] }, 'queue_timeout: expected a duration such as `30`, `30s`, `5m`, `2h`, `1d` or `1w`, got an empty list'],
    [{ gather_timeout: 0 }, 'gather_timeout: expected at least 1s, got 0'],
    [{ network: '10.0.0.1' }, 'network: expected a network such as `10.0.0.0/24`, got "10.0.0.1"'],
    [{ network: '10/8' }, 'network: expected a network such as `10.0.0.0/24`, got "10/8"'],
    [{ network: '10.0.0.0/33' }, 'network: expected a network such as `10.0.0.0/24`, got "10.0.0.0/33"'],
    [{ network: 'fe80::1%eth0/64' }, 'network: expected a network such as `10.0.0.0/24`, got "fe80::1%eth0/64"'],
    [{ interface: 'a/b' }, 'interface: expected the name of a network interface such as `eth0`, got "a/b"'],
    [{ interface: 'sixteen-letters0' }, 'interface: expected the name of a network interface such as `eth0`, got "sixteen-letters0"'],
    [{ fleet: 'a.b' }, 'fleet: expected the name of a fleet, of letters, digits, `-` and `_`, got "a.b"'],
  ])('%j', (more, expected) => {
    expect(complaints({ commands, ...more })).toEqual([expected]);
  });
});

test('all problems are told at once, in the order of the keys', () => {
  expect(complaints({ nodes: 0, comands: ['x'], shell: 3, hosts: ['a', 'a', 7], env: ['GONE', '1A=2'] })).toEqual([
    'nodes: expected at least 1, got 0',
    '`comands` is not a known key; did you mean `commands`?',
    'shell: expected `sh`, `bash` or an absolute path, got 3',
    'hosts[1]: "a" is already given at hosts[0]',
    'hosts[2]: expected the id of a host, got 7',
    'commands: expected a list of commands, got nothing',
    "env[0]: expected `GONE=value`; a bare name is taken from the submitter's environment, and none is known here",
    'env[1]: expected a name of letters, digits and `_` that does not begin with a digit, got "1A"',
  ]);
});

test('past a hundred problems only their number is told', () => {
  const found = complaints({ commands: Array.from({ length: 150 }, () => '') });
  expect(found).toHaveLength(101);
  expect(found.at(-1)).toBe('and 50 more problems');
});

test('problems carry the line that locate gives', () => {
  const parsed = parseTask({ commands, nodes: 0 }, { defaultName: 'x', locate: (path) => (path[0] === 'nodes' ? { line: 3 } : undefined) });
  expect(parsed.ok ? [] : parsed.problems).toEqual([{ path: 'nodes', line: 3, message: 'expected at least 1, got 0' }]);
  expect(parsed.ok ? [] : parsed.problems.map(describeProblem)).toEqual(['line 3: nodes: expected at least 1, got 0']);
});

test('nodes is the number of hosts where only hosts are given', () => {
  expect(taskOf({ hosts: ['a', 'b', 'c'] }).nodes).toBe(3);
});

describe('keys that Muster does not act upon', () => {
  test('placement keys give one warning that names them all', () => {
    const parsed = parse({ commands, backends: ['aws'], regions: ['eu'], max_price: 1 });
    expect(parsed.ok).toBe(true);
    expect(parsed.warnings.map(describeProblem)).toEqual(['`backends`, `regions`, `max_price` choose machines in dstack and have no effect here']);
  });

  test.each(['image', 'docker', 'privileged', 'volumes', 'entrypoint', 'registry_auth', 'user', 'setup', 'home_dir'])(
    '%s is an error, since it changes what runs',
    (key) => {
      expect(complaints({ commands, [key]: 'x' })).toEqual([expect.stringContaining(`\`${key}\` changes what runs, and Muster does not support it`)]);
    },
  );

  test('retry_policy is not supported yet', () => {
    expect(complaints({ commands, retry_policy: 'x' })).toEqual(['`retry_policy` is not supported yet']);
  });

  test('such a key that asks for nothing is let pass', () => {
    expect(complaints({ commands, privileged: false, ports: [], retry: false, volumes: null, retry_policy: {} })).toEqual([]);
  });

  test.each([
    ['comands', 'commands'],
    ['node', 'nodes'],
    ['Nodes', 'nodes'],
    ['working-dir', 'working_dir'],
    ['max_durration', 'max_duration'],
  ])('%s is answered with %s', (key, near) => {
    expect(complaints({ commands, [key]: 1 })).toEqual([`\`${key}\` is not a known key; did you mean \`${near}\`?`]);
  });

  test('a key that is near to none is answered without a guess', () => {
    expect(complaints({ commands, zzzzzzzz: 1, '\u001b[2J odd': 2 })).toEqual([
      '`zzzzzzzz` is not a known key',
      '"\\u001b[2J odd": "\\u001b[2J odd" is not a known key',
    ]);
  });
});

test('names that every object inherits are keys like any other', () => {
  expect(complaints(JSON.parse('{"commands": ["a"], "__proto__": 1, "constructor": 2}'))).toEqual([
    '`__proto__` is not a known key',
    '`constructor` is not a known key',
  ]);
});

test.each([
  [null, 'nothing'],
  [undefined, 'nothing'],
  [3, '3'],
  ['x', '"x"'],
  [[], 'an empty list'],
  [new Map(), 'a map'],
  [() => 1, 'a function'],
])('%j is not a task', (input, found) => {
  expect(complaints(input)).toEqual([`expected a map with keys such as \`nodes\` and \`commands\`, got ${found}`]);
});

test('a value that throws while it is read is a problem, not an exception', () => {
  const trap = {
    commands,
    get nodes(): number {
      throw new Error('secret stack');
    },
  };
  expect(complaints(trap)).toEqual(['expected plain data, got a value that cannot be read']);
});

test('the input is left as it was, and a resolved task shares nothing with it', () => {
  const input = Object.freeze({ commands: Object.freeze(['a']), env: Object.freeze({ A: 1 }) });
  const parsed = parse(input);
  expect(parsed.ok && parsed.task.groups[0]?.commands).not.toBe(input.commands);
  expect(parsed.ok && JSON.parse(JSON.stringify(parsed.task))).toEqual(parsed.ok && parsed.task);
});
