import { expect, it, vi } from 'vitest';
import { OneHost } from './one-host.js';

vi.mock('../../../activities/host/old-starts.js', () => ({
  removeOldStarts: () => {
    throw new Error('EBUSY');
  },
}));

it('old starts that cannot be removed do not keep a node from starting; the log tells of them', async () => {
  const host = new OneHost({});
  const warn = vi.fn();
  Object.assign(host.agent.log, { warn });
  expect((await host.running()).record.startNumber).toBe(1);
  expect(warn).toHaveBeenCalledWith(expect.objectContaining({ event: 'old-starts-left', error: 'Error: EBUSY' }), expect.any(String));
});
