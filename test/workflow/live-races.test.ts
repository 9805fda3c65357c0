import { describe, expect, it } from 'vitest';
import { changeProposed, changeSettled, type RosterSealed, rescale } from '../../spec/messages.js';
import type { RunStatus } from '../../spec/nodes.js';
import { type Roster, rosterBytes, rosterDigest } from '../../spec/roster.js';
import { until } from '../helpers/until.js';
import type { StoryRun } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const isRunning = ({ phase }: RunStatus) => phase === 'running';
const ask = (run: StoryRun, nodes: number) => run.handle.executeUpdate(rescale, { args: [{ nodes }] });
const settled =
  (...states: string[]) =>
  ({ resizes }: RunStatus) =>
    JSON.stringify(resizes.map(({ state }) => state)) === JSON.stringify(states);
const still = { exitCode: null };
const live = { on_resize: 'file', host_timeout: '1d' };

describe('a live rescale', () => {
  const stage = openStage();

  it('that is settled just before the next one is proposed holds in a cell that hears of both at once', async () => {
    const [, b] = await stage.hosts({ a: still, b: still });
    const run = await stage.run({ nodes: 2, ...live });
    await run.untilStatus(isRunning);
    const [id = ''] = await run.cells();
    const cell = stage.env.client.workflow.getHandle(id);
    const roster = (await run.handle.query<Roster>('roster')) as Roster;
    const sealed = (generation: number): RosterSealed => {
      const bytes = rosterBytes({ ...roster, generation, nodes: roster.nodes.slice(0, 1) });
      const meeting = { barrierDeadlineMs: Date.now() + 30_000, preflight: 'off' as const, token: 'token', identities: ['identity-of-a'] };
      return { ...meeting, generation, rosterBytes: bytes, digest: rosterDigest(bytes), startReason: 'rescale', replaced: [], fence: [] };
    };
    // The cell is still busy with the first when both others come.
    await cell.signal(changeProposed, sealed(2));
    await cell.signal(changeSettled, { generation: 2, outcome: 'made', leave: ['b'], sealed: null });
    await cell.signal(changeProposed, sealed(3));
    await until(() => b?.asked('stopNode').length, 1, 5_000);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  });

  it('misses no end of a newcomer that has hardly begun', async () => {
    const short = Array.from({ length: 8 }, (_, i) => [`c${i}`, { exitCode: 0, exitAfterMs: 4 * i }] as const);
    const [a, b] = await stage.hosts({ a: still, b: still, ...Object.fromEntries(short) });
    const run = await stage.run({ nodes: 2, ...live });
    await run.untilStatus(isRunning);
    await ask(run, 10);
    await run.untilStatus(settled('done'));
    await run.untilStatus(({ nodes }) => nodes.slice(2).every(({ state }) => state === 'succeeded'), 5_000);
    for (const host of [a, b]) host?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });
});

describe('a gang that runs on', () => {
  const stage = openStage();

  it('is done when all but a lost host are: nobody has to meet for that', async () => {
    const [a, b] = await stage.hosts({ a: { ...still }, b: still });
    const run = await stage.run({ nodes: 2, ...live, on_host_loss: 'replace', restart: { losses: 5 } });
    await run.untilStatus(isRunning);
    if (a) a.settings.failUpdate = { type: 'Internal', message: 'its files are gone' };
    a?.exit(0);
    await run.untilStatus(({ nodes }) => nodes[0]?.state === 'succeeded');
    b?.loseState();
    expect((await run.outcome(10_000)).status).toBe('succeeded');
    expect(a?.asked('updateNode')).toEqual([]);
    await stage.allFree();
  });

  it('tells who leaves again and again, until that has ended', async () => {
    const [a, b] = await stage.hosts({ a: still, b: { ...still, stopIgnored: true } });
    const run = await stage.run({ nodes: 2, ...live });
    await run.untilStatus(isRunning);
    await ask(run, 1);
    await run.untilStatus(settled('done'));
    await until(() => b?.asked('stopNode').length, 1);
    if (b) b.settings.stopIgnored = false;
    await until(() => b?.running(), 0, 10_000);
    a?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });
});

describe('a cell that is ended from outside', () => {
  const stage = openStage('real');

  it('after a change has another look after its nodes', async () => {
    const [a, b] = await stage.hosts({ a: still, b: still });
    const run = await stage.run({ nodes: 1, ...live, host_timeout: '60s' });
    await run.untilStatus(isRunning);
    await ask(run, 2);
    await run.untilStatus(settled('done'));
    for (const cell of await run.cells()) await stage.env.client.workflow.getHandle(cell).terminate();
    await until(() => [a, b].map((host) => host?.asked('runNode').length), [2, 2], 10_000);
    for (const host of [a, b]) host?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('in the middle of a change has another carry on with that', async () => {
    const [a, b] = await stage.hosts({ a: still, b: still, c: still });
    const run = await stage.run({ nodes: 2, ...live, host_timeout: '60s' });
    await run.untilStatus(isRunning);
    const [cell = ''] = await run.cells();
    await b?.fallSilent();
    await ask(run, 3);
    await until(() => a?.asked('updateNode').length, 1, 10_000);
    await stage.env.client.workflow.getHandle(cell).terminate();
    await until(() => a?.asked('runNode').length, 2, 10_000);
    await b?.serve();
    await run.untilStatus(settled('done'), 60_000);
    await run.stop('now');
    await run.outcome();
    await stage.allFree();
  }, 120_000);
});

describe('a live replacement', () => {
  const stage = openStage();
  const lossy = { ...live, on_host_loss: 'replace', restart: { losses: 5 } };

  it('comes at once, though the host that was lost is given back meanwhile', async () => {
    const [a, b] = await stage.hosts({ a: still, b: still });
    const run = await stage.run({ nodes: 2, ...lossy });
    await run.untilStatus(isRunning);
    b?.loseState();
    const { generation } = await run.untilStatus(({ nodes }) => nodes[1]?.startNumber === 2, 10_000);
    expect([generation, a?.asked('startNode').length]).toEqual([3, 1]);
    for (const host of [a, b]) host?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('that is refused is tried again ever more rarely', async () => {
    const [a, b] = await stage.hosts({ a: still, b: { ...still } });
    const run = await stage.run({ nodes: 2, ...lossy });
    await run.untilStatus(isRunning);
    if (b) b.settings.failStart = { type: 'CommandNotFound', message: 'no bash' };
    b?.loseState();
    await run.untilStatus(({ nodes }) => nodes.length === 1, 10_000);
    const events = async () => (await run.handle.describe()).historyLength;
    const before = await events();
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect((await events()) - before).toBeLessThan(150);
    a?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('is of the group of which a node was lost', async () => {
    const [a, b, c] = await stage.hosts({ a: still, b: still, c: still });
    const groups = [
      { name: 'x', nodes: 1, commands: ['x'] },
      { name: 'y', nodes: 2, commands: ['y'] },
    ];
    const run = await stage.run({ groups, commands: undefined, ...lossy });
    await run.untilStatus(isRunning);
    b?.loseState();
    const { nodes } = await run.untilStatus(({ nodes: seen, generation }) => generation > 2 && seen.length === 3, 10_000);
    expect(nodes.map(({ host, rank, group }) => [host, rank, group])).toEqual([
      ['a', 0, 'x'],
      ['c', 1, 'y'],
      ['b', 2, 'y'],
    ]);
    for (const host of [a, b, c]) host?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('does not come where the run was asked to have as many as are left', async () => {
    const [a, b, c] = await stage.hosts({ a: still, b: { ...still }, c: { ...still } });
    const run = await stage.run({ nodes: 3, ...lossy });
    await run.untilStatus(isRunning);
    for (const host of [b, c]) if (host) host.settings.failStart = { type: 'CommandNotFound', message: 'no bash' };
    c?.loseState();
    await run.untilStatus(({ nodes }) => nodes.length === 2, 10_000);
    await ask(run, 2);
    expect((await run.untilStatus(settled('done'))).nodesWanted).toBe(2);
    for (const host of [a, b]) host?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });
});
