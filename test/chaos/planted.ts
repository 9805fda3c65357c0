import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MAIN } from '../helpers/machines.js';

interface Bug {
  /** Below `dist/`. */
  file: string;
  right: string;
  wrong: string;
}

/** Bugs that the invariants must find, each one change to what was built. */
export const BUGS = {
  /** An agent that Temporal cannot be reached from keeps its program, though its task asks for strict fencing. */
  'fencing-off': {
    file: 'activities/host/tie.js',
    right: "program.fencing === 'strict' ? program.hostTimeoutSeconds * 1000 : null",
    wrong: 'null',
  },
  /** An agent ends its program as soon as the server does not know its token any more. */
  'kill-on-not-found': {
    file: 'activities/host/tie.js',
    right: 'const wanted = await askRun(this.agent, run, generation);',
    wrong: "const wanted = 'closed';",
  },
  /** An agent does what it was told not to do any more. */
  'tombstone-ignored': {
    file: 'activities/host/called-off.js',
    right: 'const tombstone = readTombstone(agent.dataDir, runId);',
    wrong: 'const tombstone = { generation: 0, startNumber: 0, gatherings: [] };',
  },
  /** An agent says that it has taken a list over, and its program goes on reading the old one. */
  'list-not-replaced': {
    file: 'activities/host/resizing.js',
    right: 'replaceNodeFiles(agent, record, bytes, oldList);',
    wrong: '',
  },
} as const satisfies Record<string, Bug>;

export type BugName = keyof typeof BUGS;

/** A copy of what was built, with one bug; its command line, and how to be rid of it. */
export function plant(name: BugName): { main: string; remove(): void } {
  const { file, right, wrong } = BUGS[name];
  const root = dirname(dirname(dirname(MAIN)));
  const dir = mkdtempSync(join(tmpdir(), 'muster-planted-'));
  cpSync(dirname(dirname(MAIN)), join(dir, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(dir, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  const path = join(dir, 'dist', file);
  const parts = readFileSync(path, 'utf8').split(right);
  if (parts.length !== 2) throw new Error(`${name}: its place is ${parts.length - 1} times in ${file}, and must be there once`);
  writeFileSync(path, parts.join(wrong));
  return { main: join(dir, 'dist', 'cli', 'main.js'), remove: () => rmSync(dir, { recursive: true, force: true }) };
}
