import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';

/** A part of a document, from `begin` to `end`, is what its source makes of it; under MUSTER_WRITE_DOCS=1 it is made so. `made` holds both marks. */
export function expectGenerated(doc: URL, { begin, end, made }: { begin: string; end: string; made: string }): void {
  const text = readFileSync(doc, 'utf8');
  const now = text.slice(text.indexOf(begin), text.indexOf(end) + end.length);
  // A function, so that nothing in it is taken for a pattern of replacement.
  const replaced = text.replace(now, () => made);
  if (process.env['MUSTER_WRITE_DOCS']) writeFileSync(doc, replaced);
  else expect(now).toBe(made);
}
