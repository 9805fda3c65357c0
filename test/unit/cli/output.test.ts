import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MergedOutput, type OutputOptions } from '../../../cli/output.js';
import { Prefixes } from '../../../cli/prefix.js';
import { LineAssembler } from '../../../client/index.js';

const text = (lines: Buffer[]) => lines.map((line) => line.toString('utf8'));

it('gives a line out once it is whole', () => {
  const lines = new LineAssembler();
  expect(text(lines.push(Buffer.from('one\ntw')))).toEqual(['one']);
  expect(text(lines.push(Buffer.from('o\n\n')))).toEqual(['two', '']);
  expect(lines.end()).toEqual([]);
});

it('ends a last line that its program did not end', () => {
  const lines = new LineAssembler();
  lines.push(Buffer.from('done\nalmost'));
  expect(text(lines.end())).toEqual(['almost']);
  expect(lines.end()).toEqual([]);
});

it('keeps characters whole when a piece ends within one', () => {
  const bytes = Buffer.from('grüße 漢字 🦆\nx');
  const lines = new LineAssembler();
  const given = [...bytes].flatMap((byte) => lines.push(Buffer.from([byte])));
  expect(text([...given, ...lines.end()])).toEqual(['grüße 漢字 🦆', 'x']);
});

it('gives out the same lines however the bytes were cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat({ max: 200 })), (bytes, cuts) => {
      const all = Buffer.from(bytes.map((byte) => (byte % 7 === 0 ? 10 : byte)));
      const places = [...cuts.map((cut) => Math.min(cut, all.length)), all.length].sort((a, b) => a - b);
      const lines = new LineAssembler();
      const given = places.flatMap((to, i) => lines.push(all.subarray(places[i - 1] ?? 0, to)));
      const joined = Buffer.concat([...given, ...lines.end()].flatMap((line) => [line, Buffer.from('\n')]));
      const ended = all.length === 0 || all.at(-1) === 10 ? all : Buffer.concat([all, Buffer.from('\n')]);
      expect(joined.equals(ended)).toBe(true);
    }),
  );
});

function collect(style: OutputOptions['style'], timestamps = false) {
  let written = '';
  const output = new MergedOutput({
    ...{ style, timestamps },
    write: async (bytes) => {
      written += bytes.toString('utf8');
    },
  });
  const take = (rank: number, host: string, data: string, startNumber = 1) =>
    output.take({ rank, host, startNumber, generation: 1, atMs: 1_000, data: Buffer.from(data) });
  return { output, take, written: () => written };
}

it('prefixes every line with rank and host, aligned over all nodes', async () => {
  const { output, take, written } = collect('prefixed');
  output.fit([
    { rank: 0, host: 'a' },
    { rank: 10, host: 'host-10' },
  ]);
  await take(0, 'a', 'x\ny\n');
  await take(10, 'host-10', 'z\n');
  expect(written()).toBe(' 0 a       │ x\n 0 a       │ y\n10 host-10 │ z\n');
});

it('never mixes the lines of two nodes', async () => {
  const { output, take, written } = collect('prefixed');
  await take(0, 'a', 'first ');
  await take(1, 'b', 'other\nhalf');
  await take(0, 'a', 'line\n');
  await output.end();
  expect(written()).toBe('1 b │ other\n0 a │ first line\n1 b │ half\n');
});

it('ends the line of a start when the next start of the node begins', async () => {
  const { take, written } = collect('raw');
  await take(0, 'a', 'killed he', 1);
  await take(0, 'a', 're\n', 2);
  expect(written()).toBe('killed he\nre\n');
});

it('writes the time of each line before it where that is wanted', async () => {
  const { take, written } = collect('prefixed', true);
  await take(0, 'a', 'x\ny\n');
  expect(written()).toBe('1970-01-01T00:00:01.000Z 0 a │ x\n1970-01-01T00:00:01.000Z 0 a │ y\n');
});

it('writes an object a line when programs read it', async () => {
  const { take, written } = collect('json');
  await take(3, 'a', 'say "hi"\n');
  expect(JSON.parse(written())).toEqual({ event: 'output', rank: 3, host: 'a', startNumber: 1, generation: 1, atMs: 1_000, line: 'say "hi"' });
});

it('only ever widens the columns of the prefixes', () => {
  const prefixes = new Prefixes();
  prefixes.fit([{ rank: 100, host: 'long-name' }]);
  prefixes.fit([{ rank: 0, host: 'a' }]);
  expect(prefixes.of(0, 'a')).toBe('  0 a         │ ');
});
