import { describe, expect, test } from 'vitest';
import { isReservedEnv, RESERVED_ENV } from '../../../spec/task/env.js';
import { describeProblem, parseTask } from '../../../spec/task/parse.js';

function parse(env: unknown, submitterEnv?: Record<string, string | undefined>) {
  return parseTask({ commands: ['a'], env }, { defaultName: 'demo', ...(submitterEnv === undefined ? {} : { submitterEnv }) });
}

function envOf(env: unknown, submitterEnv?: Record<string, string | undefined>) {
  const parsed = parse(env, submitterEnv);
  return parsed.ok ? parsed.task.env : parsed.problems.map(describeProblem);
}

test('a list gives values up to the first equals sign, and takes bare names from the submitter', () => {
  expect(envOf(['A=b', 'EMPTY=', 'URL=x=y', 'HOME'], { HOME: '/home/me' })).toEqual({ A: 'b', EMPTY: '', URL: 'x=y', HOME: '/home/me' });
});

test('a map gives text, numbers and booleans as text', () => {
  expect(envOf({ A: 'b', N: 1.5, I: 3, T: true, F: false, EMPTY: '' })).toEqual({ A: 'b', N: '1.5', I: '3', T: 'true', F: 'false', EMPTY: '' });
});

test('an inherited name of the submitter’s object is not its environment', () => {
  expect(envOf(['toString'], {})).toEqual(["env[0]: expected `toString=value`; a bare name is taken from the submitter's environment, where it is not set"]);
});

describe('reserved names', () => {
  const contract = 'NODES_IPS MASTER_NODE_IP NODE_RANK NODES_NUM GPUS_PER_NODE GPUS_NUM MPI_HOSTFILE RUN_NAME RUN_ID WORKING_DIR REPO_DIR';
  const names = contract.split(' ').map((name) => `DSTACK_${name}`);

  test('the list is the contract', () => {
    expect(RESERVED_ENV).toEqual(names);
  });

  test.each([...names, 'MUSTER_', 'MUSTER_ANYTHING'])('%s cannot be given', (name) => {
    expect(isReservedEnv(name)).toBe(true);
    expect(envOf({ [name]: 'x' })).toEqual([`env.${name}: \`${name}\` is set by Muster itself and cannot be given here`]);
    expect(envOf([`${name}=x`])).toEqual([`env[0]: \`${name}\` is set by Muster itself and cannot be given here`]);
  });

  test.each(['DSTACK_OTHER', 'MUSTER', 'muster_x', 'NCCL_SOCKET_IFNAME'])('%s is the user’s', (name) => {
    expect(isReservedEnv(name)).toBe(false);
    expect(envOf({ [name]: 'x' })).toEqual({ [name]: 'x' });
  });
});

test.each<[unknown, string]>([
  [['1A=x'], 'env[0]: expected a name of letters, digits and `_` that does not begin with a digit, got "1A"'],
  [['=x'], 'env[0]: expected a name of letters, digits and `_` that does not begin with a digit, got an empty text'],
  [{ 'A B': 'x' }, 'env["A B"]: expected a name of letters, digits and `_` that does not begin with a digit, got "A B"'],
  [JSON.parse('{"__proto__": "x"}'), 'env.__proto__: expected a name of letters, digits and `_` that does not begin with a digit, got "__proto__"'],
  [['A=1', 'A=2'], 'env[1]: `A` is given twice'],
  [[{ A: 1 }], 'env[0]: expected `NAME=value` or `NAME`, got a map'],
  [new Array(1), 'env[0]: expected `NAME=value` or `NAME`, got nothing'],
  [{ A: null }, 'env.A: expected text, a number, true or false, got nothing'],
  [{ A: ['x'] }, 'env.A: expected text, a number, true or false, got a list'],
  [{ A: 2 ** 64 }, 'env.A: expected a number that can be kept exactly; put it in quotes'],
  [{ A: Number.POSITIVE_INFINITY }, 'env.A: expected a number that can be kept exactly; put it in quotes'],
  [{ A: 'a\0b' }, 'env.A: expected a value without NUL bytes for `A`'],
  [3, 'env: expected a list such as `- NAME=value`, or a map, got 3'],
  ['A=topsecret', 'env: expected a list such as `- NAME=value`, or a map, got a text'],
])('%j is refused without repeating a value', (env, message) => {
  expect(envOf(env)).toEqual([message]);
});

test('an entry fits exactly when name, equals sign, value and NUL are 128 KiB', () => {
  const room = 131_072 - 'A=\0'.length;
  expect(parse({ A: 'x'.repeat(room) }).ok).toBe(true);
  expect(envOf({ A: 'x'.repeat(room + 1) })).toEqual(['env.A: expected at most 128 KiB for `A` with its name, which is what Linux allows, got 131073 bytes']);
  expect(parse({ A: 'é'.repeat(room / 2 + 1) }).ok).toBe(false);
  expect(parse(['A'], { A: 'x'.repeat(room + 1) }).ok).toBe(false);
});
