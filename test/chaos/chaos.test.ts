import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { playRounds } from './rounds.js';

/** Always the same: what a gate finds, the next one finds, too. `npm run chaos` draws others. */
const SEED = 20261222;
const ROUNDS = 5;
/** No round begins after this. */
const ENOUGH_MS = 60_000;

it('holds what is promised while machines are broken at random', { timeout: 300_000 }, async () => {
  const evidenceDir = mkdtempSync(join(tmpdir(), 'muster-chaos-evidence-'));
  const said: string[] = [`chaos with seed ${SEED}`];
  const end = performance.now() + ENOUGH_MS;
  const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
  const wish = { seed: SEED, rounds, networkedEvery: null, net: 121, evidenceDir, say: (line: string) => said.push(line) };
  const { violations } = await playRounds({ ...wish, isEnough: () => performance.now() >= end });
  process.stderr.write(`chaos with seed ${SEED}: ${violations} violations\n`);
  // The evidence stays where there is something to be found in it.
  if (violations === 0) rmSync(evidenceDir, { recursive: true });
  expect(violations, said.join('\n')).toBe(0);
});
