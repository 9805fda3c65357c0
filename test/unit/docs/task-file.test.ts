import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { taskJsonSchema } from '../../../spec/task/json-schema.js';
import { parseTask } from '../../../spec/task/parse.js';
import { KEY_REFERENCE } from '../../../spec/task/reference.js';
import { TASK_FIELDS } from '../../../spec/task/schema.js';
import { expectGenerated } from '../../helpers/generated.js';

const DOC = new URL('../../../docs/task-file.md', import.meta.url);
const SCHEMA = new URL('../../../docs/task-file.schema.json', import.meta.url);
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const [BEGIN, END] = ['<!-- keys: made from spec/task/reference.ts -->\n', '<!-- end of keys -->'];

it('describes every key in docs/task-file.md', () => {
  const rows = Object.entries(KEY_REFERENCE)
    .filter(([, { value }]) => value !== '–')
    .map(([key, { value, default: byDefault, text }]) => `| \`${key}\` | ${text} | ${value.replaceAll('|', '\\|')} | ${byDefault} |`);
  const table = `${BEGIN}\n| key | what it does | value | default |\n|---|---|---|---|\n${rows.join('\n')}\n\n${END}`;
  expectGenerated(DOC, { begin: BEGIN, end: END, made: table });
  expect(Object.keys(KEY_REFERENCE).sort()).toEqual([...TASK_FIELDS].sort());
});

describe('the JSON Schema', () => {
  const schema = taskJsonSchema();
  const validate = new Ajv({ strict: false }).compile(schema);

  it('is what docs/task-file.schema.json holds', () => {
    const text = `${JSON.stringify(schema, null, 2)}\n`;
    if (process.env['MUSTER_WRITE_DOCS']) writeFileSync(SCHEMA, text);
    expect(readFileSync(SCHEMA, 'utf8')).toBe(text);
  });

  const examples = readdirSync(`${ROOT}/examples`, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yml'));
  test.each(examples)('takes examples/%s', (path) => {
    validate(parse(readFileSync(`${ROOT}/examples/${path}`, 'utf8')));
    expect(validate.errors).toBeNull();
  });

  test.each([
    [{ commands: 'a' }],
    [{ comands: ['a'] }],
    [{ nodes: 0 }],
    [{ groups: [{ name: 'a' }] }],
    [{ startup_order: 'first' }],
    [{ env: 3 }],
    [{ restart: { rules: [{}] } }],
    [{ nodes: '2..' }],
    [{ nodes: { min: 2 } }],
    [{ on_resize: 'exec' }],
    [{ on_resize: { run: 'a' } }],
    [{ on_host_loss: 'grow' }],
  ])('refuses %j', (task) => {
    expect(validate(task)).toBe(false);
  });

  test.each([
    [{ commands: ['a'], nodes: null, python: 3.12 }],
    [{ commands: ['a'], env: { A: 1 }, stop_duration: '5s' }],
    [{ commands: ['a'], ports: [8080], retry: true }],
    [{ commands: ['a'], restart: 3, health: { port: 80, interval: '5s' }, on_host_loss: 'replace', fencing: 'strict' }],
    [{ commands: ['a'], restart: { window: 'off', backoff: '1s..5m', rules: [{ exit_codes: [1, '100..120', 'SIGSEGV'], do: 'fail' }] } }],
    [{ commands: ['a'], nodes: '2..8', settle: 0, on_resize: { signal: 'USR1' }, on_host_loss: 'replace', spares: 2 }],
    [{ commands: ['a'], nodes: { min: 2, max: 8 }, settle: '10m', on_resize: { exec: 'a', timeout: 5 } }],
  ])('takes %j, as the parser does', (task) => {
    expect([validate(task), parseTask(task, { defaultName: 'x' }).ok]).toEqual([true, true]);
  });
});
