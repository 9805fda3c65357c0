import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

it.each([
  ['ts', 'typescript/workflows.ts'],
  ['python', 'python/worker.py'],
  ['go', 'go/main.go'],
])('shows in docs/from-your-workflow.md what the %s example has, which is run', (language, file) => {
  const shown = [...read('docs/from-your-workflow.md').matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(([, code = '']) => code);
  expect(shown.length).toBe(3);
  const example = read(`examples/from-your-workflow/${file}`);
  for (const code of shown) expect(example).toContain(code);
});
