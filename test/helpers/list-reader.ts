import { spawn } from 'node:child_process';

/** What a reader saw in each file: every text that it found there, once. */
export interface Read {
  lists: string[];
  rosters: string[];
  hostfiles: string[];
  /** How often it read all three. */
  reads: number;
}

const READER = `
const { readFileSync, writeFileSync } = require('node:fs');
const [mark, ...paths] = process.argv.slice(1);
const seen = paths.map(() => new Set());
let reads = 0;
process.stdin.on('end', () => {
  const [lists, rosters, hostfiles] = seen.map((texts) => [...texts]);
  process.stdout.write(JSON.stringify({ lists, rosters, hostfiles, reads }), () => process.exit(0));
}).resume();
(function read() {
  for (let i = 0; i < 20; i++, reads++) for (const [at, path] of paths.entries()) seen[at].add(readFileSync(path, 'utf8'));
  if (reads === 20) writeFileSync(mark, '');
  setImmediate(read);
})();`;

/** A process that reads the list, the roster and the host file over and over; it makes the file `mark` once it does. */
export function spawnReader(paths: readonly string[], mark: string): { end(): Promise<Read> } {
  const child = spawn(process.execPath, ['-e', READER, mark, ...paths], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    async end() {
      child.stdin.end();
      const code = await closed;
      if (code !== 0) throw new Error(`the reader ended with ${code}`);
      return JSON.parse(text);
    },
  };
}
