import { expect, test } from 'vitest';
import { describeProblem, parseTask } from '../../../spec/task/parse.js';
import { readTaskYaml } from '../../../spec/task/yaml.js';

function complaints(text: string): string[] {
  const read = readTaskYaml(text);
  if (!read.ok) return read.problems.map(describeProblem);
  const parsed = parseTask(read.value, { defaultName: 'demo', locate: read.locate });
  return parsed.ok ? [] : parsed.problems.map(describeProblem);
}

function valueIn(text: string): unknown {
  const read = readTaskYaml(text);
  return read.ok ? read.value : read.problems.map(describeProblem);
}

function warnings(text: string): string[] {
  return readTaskYaml(text).warnings.map(describeProblem);
}

test('a problem names the line of its key or its item', () => {
  expect(complaints('type: task\nnodes: 0\nenv:\n  - A=1\n  - 1B=2\nresources:\n  gpu:\n    count: x\ncommands:\n  - ok\n  - a: b\n')).toEqual([
    'line 2: nodes: expected at least 1, got 0',
    'line 8: resources.gpu.count: expected a whole number or a range such as `2..8`, `2..` or `..8`, got "x"',
    'line 11: commands[1]: expected a command as text, got a map; put a command that YAML reads otherwise in quotes',
    'line 5: env[1]: expected a name of letters, digits and `_` that does not begin with a digit, got "1B"',
  ]);
});

test('a problem behind an alias names the line where the value stands', () => {
  expect(complaints('env: &e\n  - 1A=2\ncommands: [a]\nhosts: *e\n')).toContain('line 2: hosts[0]: expected the id of a host, got "1A=2"');
});

test.each<[string, string, unknown]>([
  ['a byte order mark', '\uFEFFnodes: 2\n', { nodes: 2 }],
  ['CRLF', 'nodes: 2\r\ncommands:\r\n  - a\r\n', { nodes: 2, commands: ['a'] }],
  ['merge keys', 'env: &e {A: 1}\nx:\n  <<: *e\n  B: 2\n', { env: { A: 1 }, x: { A: 1, B: 2 } }],
  ['a comment and a document mark', '# hello\n---\nnodes: 2\n', { nodes: 2 }],
  ['keys that are not text', '1: a\nnull: b\n', { 1: 'a', null: 'b' }],
  [
    'a hundred keys of growing length',
    `env: {}\n${Array.from({ length: 150 }, (_, i) => `${'k'.repeat(i + 1)}: 1\n`).join('')}`,
    expect.objectContaining({ ['k'.repeat(150)]: 1 }),
  ],
])('%s is read', (_, text, expected) => {
  expect(valueIn(text)).toEqual(expected);
});

test.each<[string, string, string]>([
  ['an empty file', '', 'expected a map with keys such as `nodes` and `commands`, got an empty file'],
  ['only a comment', '# x\n', 'expected a map with keys such as `nodes` and `commands`, got an empty file'],
  ['a list', '- a\n', 'expected a map with keys such as `nodes` and `commands`, got a list'],
  ['a text', 'hello\n', 'expected a map with keys such as `nodes` and `commands`, got "hello"'],
  ['several documents', 'nodes: 1\n---\nnodes: 2\n', 'line 2: expected one document, got several; remove what follows `---` or `...`'],
  ['a duplicate key', 'nodes: 1\nenv:\n  A: 1\n  A: 2\n', 'line 4: env.A: `A` is already given on line 3'],
  ['a tab', 'env:\n\tA: 1\n', 'line 2: expected spaces as indentation, got a tab'],
  ['a NUL byte', 'nodes: 1\ncommands: [a\0]\n', 'line 2: expected text, got a NUL byte'],
  ['an open quote', 'name: "x\n', 'line 2: expected a closing quote, got the end of the text'],
  ['an open bracket', 'hosts: [a\n', 'line 2: expected lines of one level to be indented alike and every bracket to be closed'],
  ['a line without a colon', 'nodes: 1\ncommands\n', 'line 2: expected `key: value`, got text without a colon'],
  ['two colons', 'name: a: b\n', 'line 1: expected one `key: value` on a line; put a value that holds `: ` in quotes, and check the indentation'],
  ['a reserved first character', 'name: @x\n', 'line 1: expected a value; one that begins with `@`, `` ` `` or `%` needs quotes'],
  ['a tag', 'name: !foo x\n', 'line 1: expected a value without a `!` tag of its own; put text that begins with `!` in quotes'],
  ['a tag of YAML 1.1', 'name: !!binary aGk=\n', 'line 1: expected a value without a `!` tag of its own; put text that begins with `!` in quotes'],
  ['a key that is a list', '? [a]\n: b\n', 'line 1: expected a key that is text, got a list, a map or a tag'],
  ['an alias without an anchor', 'name: *x\n', 'line 1: name: expected the anchor `&x` before its alias, got none'],
  ['an alias inside itself', 'env: &x [*x]\n', 'line 1: env[0]: expected a value that ends, got the alias `*x` inside itself'],
  ['a merge of a number', '<<: 3\n', 'expected `<<` to merge a map, or an alias of one'],
  ['a file that is too large', `a: ${'x'.repeat(1_048_576)}`, 'expected a file of at most 256 KiB, got 1048579 bytes or more'],
  ['deep brackets', 'a: '.concat('['.repeat(100_000)), 'line 1: expected at most 100 levels of nesting, got more'],
  ['deep maps', '{a: '.repeat(50_000), 'line 1: expected at most 100 levels of nesting, got more'],
  ['deep lists', '- '.repeat(100_000), 'line 1: expected at most 100 levels of nesting, got more'],
  ['deep lists after a stray bracket', `]\n${'- '.repeat(100_000)}`, 'line 2: expected at most 100 levels of nesting, got more'],
  ['deep indentation', Array.from({ length: 600 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'line 101: expected at most 100 levels of nesting, got more'],
  ['too many aliases', `a: &a x\nb:\n${' - *a\n'.repeat(101)}`, 'line 103: expected at most 100 aliases, got more'],
])('%s is refused with its line', (_, text, message) => {
  expect(valueIn(text)).toEqual([message]);
});

test('brackets that are closed again do not nest', () => {
  expect(readTaskYaml(`a:\n${'  - [x, {y: z}]\n'.repeat(150)}`).ok).toBe(true);
});

test('a bomb of aliases is refused', () => {
  const levels = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array.from({ length: 10 }, () => `*a${i}`).join(', ')}]`);
  expect(valueIn(`a0: &a0 x\n${levels.join('\n')}\n`)).toEqual(['expected aliases that stay small, got aliases of aliases that grow too large']);
});

test('a hundred levels are read', () => {
  expect(readTaskYaml(`a: ${'['.repeat(99)}${']'.repeat(99)}`).ok).toBe(true);
  expect(readTaskYaml(`a: ${'['.repeat(100)}${']'.repeat(100)}`).ok).toBe(false);
});

test('an unquoted yes, no, on or off is warned of, since dstack reads it as a boolean', () => {
  expect(warnings('env:\n  A: yes\n  B: "no"\n  C: Off\n  D: y\n  yes: x\nmax_duration: off\n')).toEqual([
    'line 2: env.A: yes without quotes is text here and true in dstack; write "yes" or true',
    'line 4: env.C: Off without quotes is text here and false in dstack; write "Off" or false',
  ]);
});

test('a key without a value is warned of', () => {
  expect(warnings('nodes:\nname: null\nworking_dir: ""\n')).toEqual(['line 1: nodes: has no value, which is the same as leaving it out']);
});
