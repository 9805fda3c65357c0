import { describe, expect, it, test } from 'vitest';
import { describeProblem, parseTask } from '../../../spec/task/parse.js';
import type { Restart } from '../../../spec/task/restart.js';
import type { Task } from '../../../spec/task/task.js';

const commands = ['python train.py'];
const groups = [
  { name: 'head', commands },
  { name: 'workers', commands },
];

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

const DEFAULT: Restart = { scope: 'all', attempts: 3, losses: 10, windowSeconds: 3_600, backoff: { firstSeconds: 1, maxSeconds: 300 }, rules: [] };

describe('restart', () => {
  it.each<[unknown, Partial<Restart>]>([
    [3, { attempts: 3 }],
    [0, { attempts: 0 }],
    [{}, {}],
    [{ attempts: null, window: null, rules: null }, {}],
    [
      { attempts: 0, losses: 2 },
      { attempts: 0, losses: 2 },
    ],
    [{ scope: 'node' }, { scope: 'node' }],
    [{ window: '30m' }, { windowSeconds: 1_800 }],
    [{ window: 'off' }, { windowSeconds: null }],
    [{ window: false }, { windowSeconds: null }],
    [{ backoff: '2s..1m' }, { backoff: { firstSeconds: 2, maxSeconds: 60 } }],
    [{ backoff: '2 .. 60' }, { backoff: { firstSeconds: 2, maxSeconds: 60 } }],
    [{ backoff: 10 }, { backoff: { firstSeconds: 10, maxSeconds: 10 } }],
    [{ backoff: '10s' }, { backoff: { firstSeconds: 10, maxSeconds: 10 } }],
  ])('%j is read', (restart, more) => {
    expect(taskOf({ restart }).restart).toEqual({ ...DEFAULT, ...more });
  });

  it.each([
    [1, [1, 1]],
    ['7', [7, 7]],
    ['100..120', [100, 120]],
    ['SIGSEGV', [139, 139]],
    ['kill', [137, 137]],
  ])('the exit code %j is read', (code, [from, to]) => {
    const { rules } = taskOf({ restart: { rules: [{ exit_codes: [code], do: 'restart' }] } }).restart;
    expect(rules).toEqual([{ exitCodes: [{ from, to }], causes: [], groups: [], do: 'restart', charge: 'budget' }]);
  });

  test('a rule is read with all that it gives, and groups by their name or number', () => {
    const rule = { exit_codes: [1], causes: ['OutOfMemory', 'HostLost'], groups: ['workers', 2], do: 'restart', charge: 'free' };
    expect(taskOf({ groups: [...groups, { commands }], restart: { rules: [rule] } }).restart.rules).toEqual([
      { exitCodes: [{ from: 1, to: 1 }], causes: ['OutOfMemory', 'HostLost'], groups: ['workers', '2'], do: 'restart', charge: 'free' },
    ]);
  });

  const RANGE = 'expected an exit code of 0 to 255, a range such as `100..120`, or a signal such as `SIGSEGV`';
  const BACKOFF = 'restart.backoff: expected a duration, or a range of durations such as `1s..5m`';
  it.each([
    [
      'always',
      'restart: expected a number of restarts such as `3`, or a map with `scope`, `attempts`, `losses`, `window`, `backoff` and `rules`, got "always"',
    ],
    [-1, 'restart: expected a whole number from 0 to 1000, got -1'],
    [1.5, 'restart: expected a whole number from 0 to 1000, got 1.5'],
    [{ attempts: 1_001 }, 'restart.attempts: expected a whole number from 0 to 1000, got 1001'],
    [{ losses: '3' }, 'restart.losses: expected a whole number from 0 to 1000, got "3"'],
    [{ atempts: 1 }, 'restart: `atempts` is not a known key; did you mean `attempts`?'],
    [{ scope: 'group' }, 'restart.scope: expected `all` or `node`, got "group"'],
    [{ window: 0 }, 'restart.window: expected at least 1s, got 0'],
    [{ backoff: '0s..5m' }, `${BACKOFF}, each at least 1s, got "0s..5m"`],
    [{ backoff: 'soon..5m' }, `${BACKOFF}, each at least 1s, got "soon..5m"`],
    [{ backoff: '1s..' }, `${BACKOFF}, each at least 1s, got "1s.."`],
    [{ backoff: '1..2..3' }, `${BACKOFF}, each at least 1s, got "1..2..3"`],
    [{ backoff: [1] }, `${BACKOFF}, got a list`],
    [{ backoff: '5m..1s' }, 'restart.backoff: expected a range from the shorter to the longer, got "5m..1s"'],
    [{ rules: { do: 'fail' } }, 'restart.rules: expected a list of rules, each a map with `do`, and `exit_codes`, `causes`, `groups` and `charge`, got a map'],
    [{ rules: [{ exit_codes: [1] }] }, 'restart.rules[0].do: expected `restart`, `fail` or `ignore`, got nothing'],
    [{ rules: [{ do: 'retry' }] }, 'restart.rules[0].do: expected `restart`, `fail` or `ignore`, got "retry"'],
    [{ rules: [{ do: 'fail', charge: 'free' }] }, 'restart.rules[0]: expected `do: restart` beside `charge`, got `fail`'],
    [{ rules: [{ do: 'restart', charge: 'none' }] }, 'restart.rules[0].charge: expected `budget` or `free`, got "none"'],
    [
      { rules: [{ do: 'fail', exit_codes: [] }] },
      'restart.rules[0].exit_codes: expected at least one exit code, got an empty list; leave the key out where any will do',
    ],
    [{ rules: [{ do: 'fail', exit_codes: 1 }] }, 'restart.rules[0].exit_codes: expected a list of exit codes, got 1'],
    [{ rules: [{ do: 'fail', exit_codes: [256] }] }, `restart.rules[0].exit_codes[0]: ${RANGE}, got 256`],
    [{ rules: [{ do: 'fail', exit_codes: [-1] }] }, `restart.rules[0].exit_codes[0]: ${RANGE}, got -1`],
    [{ rules: [{ do: 'fail', exit_codes: ['100..'] }] }, `restart.rules[0].exit_codes[0]: ${RANGE}, got "100.."`],
    [{ rules: [{ do: 'fail', exit_codes: ['120..100'] }] }, 'restart.rules[0].exit_codes[0]: expected a range from the smaller to the larger, got 120..100'],
    [{ rules: [{ do: 'fail', exit_codes: ['SIGSEV'] }] }, `restart.rules[0].exit_codes[0]: ${RANGE}, got "SIGSEV"; did you mean \`SIGSEGV\`?`],
    [
      { rules: [{ do: 'fail', causes: ['OutOfMemry'] }] },
      'restart.rules[0].causes[0]: expected a cause of failure, got "OutOfMemry"; did you mean `OutOfMemory`?',
    ],
    [{ rules: [{ do: 'fail', causes: ['QueueTimeout'] }] }, expect.stringContaining('got "QueueTimeout"; the causes are `CommandFailed`, `OutOfMemory`')],
    [{ rules: [{ do: 'fail', groups: ['workers'] }] }, 'restart.rules[0].groups[0]: expected the name of a group, got "workers"; there is 0'],
    [{ rules: Array.from({ length: 101 }, () => ({ do: 'fail' })) }, 'restart.rules: expected at most 100 rules, got more'],
  ])('%j is refused', (restart, message) => {
    expect(complaints({ restart })).toEqual([message]);
  });

  test('a misspelt group is named with the nearest', () => {
    expect(complaints({ groups, restart: { rules: [{ do: 'restart' }, { do: 'fail', groups: ['head', 'worker'] }] } })).toEqual([
      'restart.rules[1].groups[1]: expected the name of a group, got "worker"; did you mean `workers`?',
    ]);
  });

  test('groups that are refused themselves make no problem of those that name them', () => {
    expect(complaints({ groups: [], restart: { rules: [{ do: 'fail', groups: ['head'] }] } })).toEqual([
      'groups: expected at least one group, got an empty list',
    ]);
  });
});

describe('on_host_loss', () => {
  it.each([
    [{}, 'fail'],
    [{ restart: 0 }, 'fail'],
    [{ restart: 1 }, 'replace'],
    [{ restart: {} }, 'replace'],
    [{ restart: { attempts: 0 } }, 'replace'],
    [{ restart: 1, hosts: ['a'] }, 'replace'],
    [{ restart: 1, on_host_loss: 'fail' }, 'fail'],
    [{ on_host_loss: 'replace' }, 'replace'],
    [{ on_host_loss: 'fail', hosts: ['a'] }, 'fail'],
    [{ retry: true }, 'replace'],
    [{ on_host_loss: 'replace', hosts: ['a'] }, 'replace'],
    [{ retry: true, on_host_loss: 'fail' }, 'fail'],
    [{ retry: { on_events: ['error'] } }, 'fail'],
    [{ retry: { on_events: ['error'] }, on_host_loss: 'replace' }, 'replace'],
    [{ retry: false }, 'fail'],
    [{ on_host_loss: 'shrink' }, 'shrink'],
    [{ on_host_loss: 'shrink', hosts: ['a', 'b'] }, 'shrink'],
    [{ on_host_loss: 'shrink', groups }, 'shrink'],
    [{ nodes: '2..8' }, 'shrink'],
    [{ nodes: '2..8', restart: 3 }, 'shrink'],
    [{ nodes: '2..8', retry: true }, 'shrink'],
    [{ nodes: '2..8', on_host_loss: 'replace' }, 'replace'],
    [{ nodes: '2..8', on_host_loss: 'fail' }, 'fail'],
    [{ nodes: '2..2' }, 'fail'],
    [{ nodes: '2..2', restart: 3 }, 'replace'],
  ])('of %j is %s', (input, expected) => {
    expect(taskOf(input).onHostLoss).toBe(expected);
  });

  it.each([
    [{ on_host_loss: 'grow' }, 'on_host_loss: expected `fail`, `replace` or `shrink`, got "grow"'],
    [{ fencing: 'loose' }, 'fencing: expected `reachable` or `strict`, got "loose"'],
  ])('%j is refused', (input, message) => {
    expect(complaints(input)).toEqual([message]);
  });
});

describe('retry', () => {
  const of = ({ restart, onHostLoss, queueTimeoutSeconds }: Task) => [restart.attempts, restart.losses, restart.windowSeconds, onHostLoss, queueTimeoutSeconds];
  it.each([
    [{ retry: true }, [10, 10, 3_600, 'replace', 3_600]],
    [{ retry: {} }, [10, 10, 3_600, 'replace', 3_600]],
    [{ retry: { duration: '2h' } }, [10, 10, 7_200, 'replace', 7_200]],
    [{ retry: { on_events: ['error'] } }, [10, 10, 3_600, 'fail', 600]],
    [{ retry: { on_events: ['interruption'], duration: '5m' } }, [0, 10, 300, 'replace', 600]],
    [{ retry: { on_events: ['no-capacity'], duration: '1d' } }, [0, 10, 86_400, 'fail', 86_400]],
    [{ retry: true, queue_timeout: '5s' }, [10, 10, 3_600, 'replace', 5]],
    [{ retry: false, restart: 2 }, [2, 10, 3_600, 'replace', 600]],
    [{ retry: false }, [0, 10, 3_600, 'fail', 600]],
  ])('%j is mapped', (input, expected) => {
    expect(of(taskOf(input))).toEqual(expected);
  });

  it.each([
    [
      { retry: { on_events: ['error'], duration: '90m' } },
      'retry: here it means: at most 10 restarts of all nodes within 90m of running, a lost host fails the run, a wait of 10m for free hosts; dstack counts no attempts, and `restart` says it in your own numbers',
    ],
    [
      { retry: { on_events: ['interruption'] }, queue_timeout: '45s' },
      'retry: here it means: no restart when a program fails, at most 10 lost hosts replaced within 1h of running, a wait of 45s for free hosts; dstack counts no attempts, and `restart` says it in your own numbers',
    ],
    [
      { retry: { on_events: ['interruption'] }, nodes: '2..8' },
      'retry: here it means: no restart when a program fails, at most 10 lost hosts done without within 1h of running, a wait of 10m for free hosts; dstack counts no attempts, and `restart` says it in your own numbers',
    ],
  ])('%j warns of what it became', (input, message) => {
    expect(parse(input).warnings.map(describeProblem)).toEqual([message]);
  });

  test('false is no wish and warns of nothing', () => {
    expect(parse({ retry: false }).warnings).toEqual([]);
  });

  it.each([
    [{ retry: true, restart: 3 }, 'retry: expected `restart` or `retry`, got both'],
    [{ retry: 'yes' }, 'retry: expected `true`, `false`, or a map with `on_events` and `duration`, got "yes"'],
    [{ retry: { on_events: ['crash'] } }, 'retry.on_events[0]: expected `no-capacity`, `interruption` or `error`, got "crash"'],
    [{ retry: { on_events: [] } }, 'retry.on_events: expected at least one of `no-capacity`, `interruption` or `error`, got an empty list'],
    [{ retry: { duration: 'off' } }, expect.stringContaining('this wait always has a limit')],
  ])('%j is refused', (input, message) => {
    expect(complaints(input)).toEqual([message]);
  });
});

describe('health', () => {
  const DEFAULTS = { port: null, command: null, intervalSeconds: 10, timeoutSeconds: 10, failures: 3, startPeriodSeconds: 0 };
  it.each([
    [{ port: 8080 }, { port: 8080 }],
    [{ command: 'curl -f localhost' }, { command: 'curl -f localhost' }],
    [
      { port: 1, interval: '1m', timeout: 5, failures: 1, start_period: '10m' },
      { port: 1, intervalSeconds: 60, timeoutSeconds: 5, failures: 1, startPeriodSeconds: 600 },
    ],
  ])('%j is read', (health, more) => {
    expect(taskOf({ health }).health).toEqual({ ...DEFAULTS, ...more });
  });

  it.each([
    [{}, 'health: expected a map with `port` or `command`, got neither'],
    ['http://localhost', 'health: expected a map with `port` or `command`, got "http://localhost"'],
    [{ port: 1, command: 'true' }, 'health: expected a map with `port` or `command`, got both'],
    [{ port: 0 }, 'health.port: expected a port from 1 to 65535, got 0'],
    [{ command: '' }, 'health.command: expected a command as text, got an empty text'],
    [{ command: 'a\0' }, 'health.command: expected a command as text, got a NUL byte in it'],
    [{ port: 1, interval: 0 }, 'health.interval: expected at least 1s, got 0'],
    [{ port: 1, failures: 0 }, 'health.failures: expected a whole number from 1 to 1000, got 0'],
    [{ port: 1, retries: 3 }, 'health: `retries` is not a known key'],
    [{ command: 'ping ${{ groups[0].nodes[1].IP_ADDRESS }}' }, 'health.command: expected a node of groups[0] that is there, got nodes[1]; its only index is 0'],
  ])('%j is refused', (health, message) => {
    expect(complaints({ health })).toEqual([message]);
  });

  test('its command may hold the address of a node', () => {
    const command = 'ping ${{ groups[workers].nodes[0].IP_ADDRESS }}';
    expect(taskOf({ groups, health: { command } }).health?.command).toBe(command);
  });
});
