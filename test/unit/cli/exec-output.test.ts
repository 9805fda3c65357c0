import { createColors } from 'picocolors';
import { expect, it } from 'vitest';
import { ExecOutput } from '../../../cli/exec-output.js';

function collect(prefixed: boolean, coloured: { stdout: boolean; stderr: boolean }) {
  const written = { stdout: '', stderr: '' };
  const to = (stream: 'stdout' | 'stderr') => ({
    colours: createColors(coloured[stream]),
    write: async (bytes: Buffer) => {
      written[stream] += bytes.toString('utf8');
    },
  });
  return { written, output: new ExecOutput(prefixed, { stdout: to('stdout'), stderr: to('stderr') }) };
}

it('colours each stream as its own terminal wants it, with the colour and the prefix that the rank has everywhere', async () => {
  const { written, output } = collect(true, { stdout: false, stderr: true });
  output.about({ rank: 0, host: 'host-10' });
  output.about({ rank: 1, host: 'b' });
  await output.take(0, { stream: 'stdout', data: Buffer.from('one\ntw') });
  await output.take(1, { stream: 'stderr', data: Buffer.from('red\n') });
  await output.end();
  expect(written.stdout).toBe('0 host-10 │ one\n0 host-10 │ tw\n');
  expect(written.stderr).toBe(`${createColors(true).yellow('1 b       │ ')}red\n`);
});

it('leaves the bytes of one command as they are', async () => {
  const { written, output } = collect(false, { stdout: true, stderr: true });
  await output.take(0, { stream: 'stdout', data: Buffer.from('a\0b') });
  await output.end();
  expect(written).toEqual({ stdout: 'a\0b', stderr: '' });
});
