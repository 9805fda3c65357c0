import { expect, it } from 'vitest';
import { shellLine, splitCommand } from '../../../cli/command-words.js';
import { UsageError } from '../../../cli/exit.js';
import { nodesOf } from '../../../cli/numbers.js';
import { userPath } from '../../../cli/paths.js';
import { createProgram } from '../../../cli/program.js';
import { quoteWord } from '../../../cli/shell-words.js';
import { readTask, taskOfCommand, withWishes } from '../../../cli/task-input.js';

it('leaves everything after the first -- to the command, further -- included', () => {
  expect(splitCommand(['run', '-n', '3', '--', 'git', 'log', '--', 'x'])).toEqual({ own: ['run', '-n', '3'], command: ['git', 'log', '--', 'x'] });
  expect(splitCommand(['run', 'file.yml'])).toEqual({ own: ['run', 'file.yml'], command: undefined });
});

it('takes a single argument as a shell line, as it is', () => {
  expect(taskOfCommand(['echo $DSTACK_NODES_IPS | wc -l'])).toEqual({ commands: ['echo $DSTACK_NODES_IPS | wc -l'] });
});

it.each([
  [['python', 'train.py', '--lr=0.1'], 'python train.py --lr=0.1'],
  [['echo', '$HOME', '*'], "echo '$HOME' '*'"],
  [['sh', '-c', "echo it's"], "sh -c 'echo it'\\''s'"],
  [['printf', ''], "printf ''"],
  [['echo', 'a\nb', 'ü'], "echo 'a\nb' 'ü'"],
])('keeps the words of %j', (words, line) => {
  expect(shellLine(words)).toBe(line);
});

it('quotes nothing that a shell reads as it stands', () => {
  expect(quoteWord('/usr/bin/env_1+2@host:3,4%5=-.')).toBe('/usr/bin/env_1+2@host:3,4%5=-.');
});

it('names a task after its command', () => {
  expect(readTask({ command: ['/usr/bin/Python3.11', 'x.py'] }).task.name).toBe('python3-11');
  expect(readTask({ command: ['echo hello'] }).submit['name']).toBe('echo');
  expect(readTask({ command: ['echo hello'], name: 'greeting' }).task.name).toBe('greeting');
});

it('puts what the command line says in the place of what the file says', () => {
  const task = { nodes: 2, name: 'old', commands: ['true'], env: { A: 1, B: 'b' } };
  expect(withWishes(task, { nodes: 3, name: 'new', fleet: 'lab', env: ['B=x', 'C'] })).toEqual({
    ...{ nodes: 3, name: 'new', fleet: 'lab', commands: ['true'] },
    env: ['A=1', 'B=x', 'C'],
  });
  expect(withWishes({ env: ['A=1', 'B'] }, { env: ['B=2'] })).toEqual({ env: ['A=1', 'B=2'] });
  expect(task.env).toEqual({ A: 1, B: 'b' });
});

it.each<[string, number | string, number, unknown]>([
  ['3', 3, 3, null],
  ['2..8', '2..8', 2, { min: 2, max: 8 }],
  ['4..4', '4..4', 4, null],
])('-n %s submits %j', (text, submitted, least, elastic) => {
  const { submit, task } = readTask({ command: ['true'], nodes: nodesOf('--nodes')(text) });
  expect([submit['nodes'], task.nodes, task.elastic]).toEqual([submitted, least, elastic]);
});

it.each(['0', '2001', '2..', '8..2', '0..2', 'three', '', '-1', '1.5'])('-n %j is a usage error', (text) => {
  expect(() => nodesOf('--nodes')(text)).toThrow(
    new UsageError(`--nodes takes a whole number from 1 to 2000, or a range of them such as 2..8, not ${JSON.stringify(text)}`),
  );
});

it('takes a bare name from the environment of whoever submits', () => {
  expect(readTask({ command: ['true'], env: ['TOKEN'] }, { TOKEN: 't' }).task.env).toEqual({ TOKEN: 't' });
});

it('wants a file or a command, and not both', () => {
  expect(() => readTask({})).toThrow(UsageError);
  expect(() => readTask({ command: [] })).toThrow('There is no command after --');
  expect(() => readTask({ file: 'x.yml', command: ['true'] })).toThrow('not both');
  expect(() => readTask({ file: '/nowhere/x.yml' })).toThrow('The task file /nowhere/x.yml cannot be read: there is no such file');
});

it('resolves paths where the user stands, also under npm', () => {
  expect(userPath('a.yml', { INIT_CWD: '/home/u' }, '/repo')).toBe('/home/u/a.yml');
  expect(userPath('a.yml', {}, '/repo')).toBe('/repo/a.yml');
  expect(userPath('/x/a.yml', { INIT_CWD: '/home/u' }, '/repo')).toBe('/x/a.yml');
});

it('has every verb once, each with a description', () => {
  const verbs = createProgram(undefined).commands;
  expect(new Set(verbs.map((verb) => verb.name())).size).toBe(verbs.length);
  expect(verbs.filter((verb) => verb.description() === '')).toEqual([]);
});
