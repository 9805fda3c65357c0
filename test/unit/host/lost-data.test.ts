import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readProgram } from '../../../activities/process/start-dir.js';
import { openDataDir } from '../../../workers/host-identity.js';
import { until } from '../../helpers/until.js';
import { lives } from '../process/starts.js';
import { OneHost } from './one-host.js';

it('an agent that begins without its data directory ends what an earlier one had started there, and nothing of another', async () => {
  const [host, other] = [new OneHost({ commands: ['exec sleep 1000'] }), new OneHost({ commands: ['exec sleep 1000'] })];
  const [start, others] = [await host.running(), await other.running()];
  const pidOf = (dir: string) => readProgram(dir)?.pid ?? 0;
  const [lost, kept] = [pidOf(start.dir), pidOf(others.dir)];
  host.loseData();
  await until(() => lives(lost), false);
  other.succeed();
  expect(lives(kept)).toBe(true);
});

it("a data directory is nobody's until its agent keeps it: one that is refused may come again by another name", async () => {
  const path = mkdtempSync(join(tmpdir(), 'muster-data-'));
  const refused = await openDataDir(path, 'vm');
  refused.unlock();
  const second = await openDataDir(path, 'second');
  second.keep();
  second.unlock();
  await expect(openDataDir(path, 'vm')).rejects.toThrow(`${path} belongs to host second, not vm`);
  const again = await openDataDir(path, 'second');
  expect(again.identity).toBe(second.identity);
  again.unlock();
  rmSync(path, { recursive: true });
});
