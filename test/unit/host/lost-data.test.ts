import { expect, it } from 'vitest';
import { readProgram } from '../../../activities/process/start-dir.js';
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
