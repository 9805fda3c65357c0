import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FAILURES } from '../../../spec/failures.js';

const FILE = new URL('../../../docs/failures.md', import.meta.url);

function render(): string {
  const rows = Object.entries(FAILURES).map(([type, { origin, retried, mend }]) => `| \`${type}\` | ${origin} | ${retried} | ${mend} |`);
  return `# Failures

Made from \`spec/failures.ts\` (\`MUSTER_WRITE_DOCS=1 npx vitest run test/unit/docs\`). The type stands in the workflow's failure, in \`reason\` and in \`muster status\`.

| type | origin | who tries again | what to do |
|---|---|---|---|
${rows.join('\n')}

Exit codes of the command line: 0 succeeded · 1 run failed · 2 usage or invalid task · 3 Temporal unreachable · 4 timed out waiting · 5 stopped or cancelled by somebody else · 130/143 interrupted.
`;
}

it('describes every failure in docs/failures.md', () => {
  if (process.env['MUSTER_WRITE_DOCS']) writeFileSync(FILE, render());
  expect(readFileSync(FILE, 'utf8')).toBe(render());
});
