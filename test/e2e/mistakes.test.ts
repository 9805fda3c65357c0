import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { succeeds } from '../helpers/commands.js';
import { MAIN, muster, type Said } from '../helpers/machines.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/mistakes', import.meta.url));
const TABLE = new URL('../../docs/mistakes.md', import.meta.url);
const FILES = readdirSync(FIXTURES).sort();
const AT_ONCE = 4;
const SHOWN_LINES = 8;

const said = new Map<string, Said>();
let scratch: string;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'muster-mistakes-'));
  const waiting = [...FILES];
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) said.set(file, await muster(['check', file], {}, FIXTURES));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}, 120_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

it.each(FILES)('%s gets one clear error', (file) => {
  const { code, stdout, stderr } = said.get(file) ?? expect.fail('it was not checked');
  const lines = stderr.split('\n').filter((line) => !line.startsWith('warning: '));
  expect([code, stdout, lines.length]).toEqual([2, '', 3]);
  expect(lines[0]).toBe(`${file} has a problem:`);
  expect(lines[1]).toMatch(/^ {2}(line \d+: )?\S.{8,400}$/);
  expect(stderr).not.toMatch(/\bat .*[jt]s:\d|Error:|undefined|\[object|something else|secret@/);
});

it('every mistake stands in docs/mistakes.md with its message', () => {
  const table = renderTable();
  if (process.env['MUSTER_WRITE_DOCS']) writeFileSync(TABLE, table);
  expect(readFileSync(TABLE, 'utf8')).toBe(table);
});

it.each([
  ['ten megabytes', () => `commands: [a]\n# ${'x'.repeat(10_000_000)}\n`, 'expected a file of at most 256 KiB, got 10000017 bytes or more'],
  ['ten megabytes of zero bytes', () => '\0'.repeat(10_000_000), 'expected a file of at most 256 KiB, got 10000000 bytes or more'],
  ['ten thousand unknown keys', () => Array.from({ length: 10_000 }, (_, i) => `key${i}: 1\n`).join(''), 'and 9901 more problems'],
  ['a hundred thousand brackets', () => '[]'.repeat(100_000), 'expected a value or the next key, got something else'],
])('a file of %s is refused', async (name, make, message) => {
  const file = join(scratch, `${name}.yml`);
  writeFileSync(file, make());
  const { code, stderr } = await muster(['check', file], {});
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});

it.each([
  [['check'], "Missing required argument 'file'"],
  [['check', 'no/such.yml'], 'there is no such file'],
  [['check', '/'], 'it is a directory'],
])('muster %j is a usage error', async (args, message) => {
  const { code, stderr } = await muster(args, {});
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
});

it('a task can be read from a pipe', async () => {
  const said = await succeeds('sh', ['-c', `echo 'commands: ["true"]' | "${process.execPath}" "${MAIN}" check /dev/stdin`]);
  expect(said).toContain('/dev/stdin is valid');
});

function renderTable(): string {
  const rows = FILES.map((file) => {
    const message = said
      .get(file)
      ?.stderr.split('\n')
      .find((line) => line.startsWith('  '));
    return `### ${file.replace('.yml', '').replaceAll('-', ' ')}\n\n\`\`\`yaml\n${shown(readFileSync(join(FIXTURES, file), 'utf8'))}\n\`\`\`\n\n> ${message?.trim()}\n`;
  });
  return `# Mistakes in a task file, and what is said of them

Made from \`test/fixtures/mistakes\` by \`MUSTER_WRITE_DOCS=1 npx vitest run test/e2e/mistakes.test.ts\`, through the built \`muster check\`. Each of these ${FILES.length} files ends
with exit code 2 and starts nothing.

${rows.join('\n')}`;
}

/** A file for people: no control character, no end of a long line. */
function shown(text: string): string {
  const visible = text.replaceAll('\0', '␀').replaceAll('\r', '␍').replaceAll('\t', '⇥').replaceAll('\ufeff', '[BOM]');
  const lines = visible
    .trimEnd()
    .split('\n')
    .map((line) => (line.length > 100 ? `${line.slice(0, 100)}…` : line));
  return [...lines.slice(0, SHOWN_LINES), ...(lines.length > SHOWN_LINES ? ['…'] : [])].join('\n');
}
