import { describe, expect, it } from 'vitest';
import { until } from '../helpers/until.js';
import { openStage } from './stage.js';

const stage = openStage();

describe('a broken barrier', () => {
  it('is tried again in a new generation, free of charge, when tries are left', async () => {
    const [a, b] = await stage.hosts({ a: {}, b: { breakBarrier: 2 } });
    const run = await stage.run({ nodes: 2 });
    const { status, final } = await run.outcome();
    expect(status).toBe('succeeded');
    expect(final).toMatchObject({ generation: 3, restarts: 0 });
    expect(a?.asked('runNode').map(({ generation, startNumber, startReason }) => [generation, startNumber, startReason])).toEqual([
      [1, 1, 'first'],
      [2, 2, 'restart'],
      [3, 3, 'restart'],
    ]);
    const cells = b?.asked('startNode').map(({ gathering }) => gathering);
    expect(new Set(cells).size).toBe(3);
    await stage.allFree();
    await stage.record('run-barrier-retry', 'story');
  });

  it('fails the run when it broke a fourth time', async () => {
    const [a] = await stage.hosts({ a: {}, b: { breakBarrier: 9 } });
    const run = await stage.run({ nodes: 2 });
    const { reason, message, final } = await run.outcome();
    expect(reason).toBe('BarrierBroken');
    expect(message).toBe('Node 1 on b failed in generation 4: rank 1 could not be met; the other node was stopped');
    expect(final.generation).toBe(4);
    expect(a?.asked('runNode')).toHaveLength(4);
    await stage.allFree();
  });

  it('is tried again with as many nodes when a silent host was replaced before', async () => {
    const [a, , c] = await stage.hosts({ a: {}, b: { silent: true }, c: { breakBarrier: 1 } });
    const run = await stage.run({ nodes: 2 });
    await until(() => a?.calls, ['startNode']);
    await stage.env.skip(9_700, 1);
    const { message, final } = await run.outcome();
    expect(final.nodes.map(({ host }) => host)).toEqual(['a', 'c']);
    expect(message).toBe('All 2 nodes exited with code 0');
    expect(c?.asked('runNode').map(({ generation, nodes }) => [generation, nodes])).toEqual([
      [1, 2],
      [2, 2],
    ]);
    await stage.allFree();
  });

  it('is not tried again when the run is stopped while its nodes are being stopped', async () => {
    const [a] = await stage.hosts({ a: { stopIgnored: true }, b: { breakBarrier: 9 } });
    const run = await stage.run({ nodes: 2 });
    await until(() => a?.calls.includes('stopNode'), true);
    if (a) a.settings.stopIgnored = false;
    await run.stop('now');
    expect((await run.outcome()).reason).toBe('Stopped');
    expect(a?.asked('startNode')).toHaveLength(1);
    await stage.allFree();
  });
});
