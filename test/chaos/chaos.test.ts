import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { playRounds } from './rounds.js';

const ROUNDS = 5;
/** No round begins after this. */
const ENOUGH_MS = 60_000;

it('holds what is promised while machines are broken at random', { timeout: 300_000 }, async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const evidenceDir = mkdtempSync(join(tmpdir(), 'muster-chaos-evidence-'));
  const said: string[] = [`chaos with seed ${seed}`];
  const end = performance.now() + ENOUGH_MS;
  const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
  const wish = { seed, rounds, networkedEvery: null, net: 121, evidenceDir, say: (line: string) => said.push(line) };
  const { violations } = await playRounds({ ...wish, isEnough: () => performance.now() >= end });
  process.stderr.write(`chaos with seed ${seed}: ${violations} violations\n`);
  // The evidence stays where there is something to be found in it.
  if (violations === 0) rmSync(evidenceDir, { recursive: true });
  expect(violations, said.join('\n')).toBe(0);
});
