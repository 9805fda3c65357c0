import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { registerCommand, SEARCH_ATTRIBUTE_NAMES, SEARCH_ATTRIBUTES } from '../../../spec/search-attributes.js';
import { parseTask } from '../../../spec/task/parse.js';

const FILE = new URL('../../../docs/web-ui.md', import.meta.url);
const text = readFileSync(FILE, 'utf8');

it('has the command that registers the search attributes, and their types', () => {
  expect(text).toContain(`\n${registerCommand(SEARCH_ATTRIBUTE_NAMES, { namespace: 'default' })}\n`);
  for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) expect(text).toContain(`| \`${name}\` | ${type} |`);
});

it('has a task for the form that is valid', () => {
  const [, json = ''] = /```json\n(.*)\n```/.exec(text) ?? [];
  expect(parseTask(JSON.parse(json), { defaultName: 'a-name' })).toMatchObject({ ok: true });
});

it('has pictures that are there, and small', () => {
  const pictures = [...text.matchAll(/\]\((pictures\/[^)]+)\)/g)].map(([, path = '']) => new URL(path, FILE));
  expect(pictures).toHaveLength(5);
  for (const picture of pictures) expect([picture.pathname, existsSync(picture) && readFileSync(picture).length < 100_000]).toEqual([picture.pathname, true]);
});
