import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FAILURES, type FailureKind } from '../../../spec/failures.js';

const FILE = new URL('../../../docs/failures.md', import.meta.url);

function render(): string {
  const rows = Object.entries<FailureKind>(FAILURES).map(([type, { origin, retried, mend, exits = {} }]) => {
    const mends = [mend, ...Object.entries(exits).map(([code, besides]) => `Exit code ${code}: ${besides}`)];
    return `| \`${type}\` | ${origin} | ${retried} | ${mends.join(' ')} |`;
  });
  return `# Failures

Made from \`spec/failures.ts\` (\`MUSTER_WRITE_DOCS=1 npx vitest run test/unit/docs\`). The type is that of the workflow's failure; \`muster status\` and \`reason\` in its \`--json\` name it, too. \`reason\` is \`Terminated\` where somebody terminated the workflow, and \`TimedOut\` where Temporal ended it by a timeout of its own.

| type | origin | who tries again | what to do |
|---|---|---|---|
${rows.join('\n')}

Exit codes: [command line](command-line.md).
`;
}

it('describes every failure in docs/failures.md', () => {
  if (process.env['MUSTER_WRITE_DOCS']) writeFileSync(FILE, render());
  expect(readFileSync(FILE, 'utf8')).toBe(render());
});
