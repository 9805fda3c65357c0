import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { scriptOf } from '../../../activities/host/script.js';

function runs(commands: string[], shell: string): { out: string; code: number | null } {
  const { stdout, status } = spawnSync(shell, ['-s'], { input: scriptOf(commands, shell), encoding: 'utf8' });
  return { out: stdout, code: status };
}

describe.each(['bash', 'sh', '/bin/dash'])('commands in %s', (shell) => {
  it.each([
    ['run one after the other', ['echo a', 'echo b'], 'a\nb\n', 0],
    ['stop at the first that fails, with its code', ['echo a', '(exit 7)', 'echo b'], 'a\n', 7],
    ['go on after a comment', ['echo a # a note', 'echo b'], 'a\nb\n', 0],
    ['go on after a here-document', ['cat <<EOF\na\nEOF', 'echo b'], 'a\nb\n', 0],
    ['go on beside a program in the background, which takes no other with it', ['X=1', '(exit 3) &', 'echo "$X"', 'wait'], '1\n', 0],
    ['keep directory and variables', ['cd /', 'X=2', 'echo "$PWD $X"'], '/ 2\n', 0],
    ['keep words that end with white space', ['echo a  \n\n', 'echo b'], 'a\nb\n', 0],
    ['may be nothing but a comment', ['# a note', 'echo b'], 'b\n', 0],
    ['may be one block', ['if true; then\n  echo a\nfi\n'], 'a\n', 0],
    ['may end with exec', ['X=3', 'export X', 'exec env sh -c "echo \\$X; exit 4"'], '3\n', 4],
  ])('%s', (_, commands, out, code) => {
    expect(runs(commands, shell)).toEqual({ out, code });
  });
});

it('a shell that knows no groups gets plain commands', () => {
  expect(scriptOf(['a ', 'b'], '/usr/bin/fish')).toBe('a && b\n');
});
