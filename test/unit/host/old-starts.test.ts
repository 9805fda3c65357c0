import { expect, it } from 'vitest';
import { listStarts } from '../../../activities/host/store.js';
import { until } from '../../helpers/until.js';
import { OneHost } from './one-host.js';

it('of a run that starts again and again, a host keeps the first start and the newest ones', async () => {
  const host = new OneHost({});
  for (let n = 1; n <= 24; n++) {
    const { record, ended } = await host.prepare();
    expect(record.startNumber).toBe(n);
    await host.start().stop({ type: 'Stopped', message: 'for the next one' }, 'SIGKILL', 0);
    await ended;
    await until(() => host.seats.ofRun(host.run.runId).length, 0);
  }
  expect(listStarts(host.dataDir, host.run.runId)).toEqual([1, ...Array.from({ length: 20 }, (_, i) => i + 5)]);
});
