import { describe, expect, it } from 'vitest';
import * as messages from '../../spec/messages.js';
import { nodesIps, rosterBytes, rosterDigest } from '../../spec/roster.js';
import { fleetHandle } from '../helpers/workflow-env.js';
import { openStage } from './stage.js';

const stage = openStage();

describe('a run', () => {
  it('adds no event in a week in which nothing happens', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    // A beat at least once in twelve days, so that the week may pass at once.
    const run = await stage.run({ nodes: 2, host_timeout: '60d', max_duration: '30d', restart: { scope: 'node' } });
    await run.untilStatus(({ phase }) => phase === 'running');
    const [cell = ''] = await run.cells();
    const count = async () => {
      const handles = [run.handle, stage.env.client.workflow.getHandle(cell), fleetHandle(stage.env)];
      return Promise.all(handles.map(async (handle) => (await handle.fetchHistory()).events?.length));
    };
    const [before, atMs] = [await count(), await stage.env.nowMs()];
    await stage.env.skip(7 * 86_400_000, 2);
    expect((await stage.env.nowMs()) - atMs).toBeGreaterThanOrEqual(7 * 86_400_000);
    expect(await count()).toEqual(before);
    a?.exit(0);
    b?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('succeeds when all nodes exit with 0', async () => {
    const [a, b, c] = await stage.hosts({ a: {}, b: {}, c: {} });
    const run = await stage.run({ nodes: 3 });
    const { status, message, final } = await run.outcome();
    expect([status, message]).toEqual(['succeeded', 'All 3 nodes exited with code 0']);
    expect(final).toMatchObject({ generation: 1, restarts: 0, phase: 'succeeded' });
    expect(final.nodes.map(({ rank, host, state, exitCode }) => [rank, host, state, exitCode])).toEqual([
      [0, 'a', 'succeeded', 0],
      [1, 'b', 'succeeded', 0],
      [2, 'c', 'succeeded', 0],
    ]);
    for (const host of [a, b, c]) expect(host?.calls).toEqual(['startNode', 'runNode']);
    await stage.allFree();
    await stage.record('run-succeeds', 'story');
    await stage.record('cell-succeeds', (await run.cells())[0] ?? '');
    await stage.record('fleet-grants', 'muster-fleet-default');
  });

  it('fails with the first failure in the order seen and stops the others when two nodes fail', async () => {
    const [a, b, c] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null, lastLines: 'out of memory' }, c: { exitCode: null } });
    const run = await stage.run({ nodes: 3 });
    await run.untilStatus(({ phase }) => phase === 'running');
    b?.exit(7);
    const { status, reason, message, final } = await run.outcome();
    expect([status, reason]).toEqual(['failed', 'CommandFailed']);
    expect(message).toBe('Node 1 on b exited with code 7 in generation 1; the other 2 nodes were stopped');
    expect(final.lastLines).toBe('out of memory');
    expect(final.nodes.map(({ host, state, exitCode }) => [host, state, exitCode])).toEqual([
      ['a', 'stopped', 143],
      ['b', 'failed', 7],
      ['c', 'stopped', 143],
    ]);
    for (const host of [a, c]) expect(host?.asked('stopNode')[0]).toMatchObject({ generation: 1, graceSeconds: 30, stopSignal: 'SIGTERM' });
    await stage.allFree();
    await stage.record('run-fails', 'story');
    await stage.record('cell-stops', (await run.cells())[0] ?? '');
  });

  it('gives every node the same list, ranked by address as numbers, when no hosts are pinned', async () => {
    const [a, b, c] = await stage.hosts({ a: { address: '10.0.0.10' }, b: { address: '10.0.0.9' }, c: { address: '9.255.0.1' } });
    const run = await stage.run({ nodes: 3 });
    await run.outcome();
    const sealed = (await run.handle.query(messages.roster)) ?? expect.fail('there is no roster');
    expect(nodesIps(sealed)).toBe('9.255.0.1\n10.0.0.9\n10.0.0.10');
    const given = [c, b, a].map((host) => host?.asked('runNode')[0]);
    expect(given.map((input) => input?.rank)).toEqual([0, 1, 2]);
    expect(given.map((input) => input?.digest)).toEqual(Array(3).fill(rosterDigest(rosterBytes(sealed))));
    expect(given.map((input) => input?.rosterBytes)).toEqual([rosterBytes(sealed), null, null]);
    expect(given.map((input) => input?.rendezvous.address)).toEqual(Array(3).fill('9.255.0.1'));
  });

  it('ranks in the order of the task when hosts are pinned', async () => {
    await stage.hosts({ a: {}, b: {}, c: {} });
    const run = await stage.run({ nodes: 2, hosts: ['c', 'a'] });
    expect((await run.outcome()).final.nodes.map(({ rank, host }) => [rank, host])).toEqual([
      [0, 'c'],
      [1, 'a'],
    ]);
  });

  it('goes beyond the highest generation when a host has seen a later one', async () => {
    const [a] = await stage.hosts({ a: { highestGeneration: 4 }, b: { highestGeneration: 2 } });
    const run = await stage.run({ nodes: 2 });
    expect((await run.outcome()).final.generation).toBe(5);
    expect(a?.asked('runNode')[0]?.generation).toBe(5);
  });

  it('is refused before any program starts when two hosts report one address', async () => {
    const [a, b] = await stage.hosts({ a: { address: '10.0.0.1' }, b: { address: '10.0.0.1' } });
    const run = await stage.run({ nodes: 2 });
    const { reason, message } = await run.outcome();
    expect(reason).toBe('DuplicateAddress');
    expect(message).toContain('Hosts a and b have the same address 10.0.0.1');
    for (const host of [a, b]) expect(host?.asked('runNode')).toEqual([]);
    await stage.allFree();
  });

  it('shows the Temporal Web UI how its nodes are doing', async () => {
    await stage.hosts({ a: { exitCode: 3, lastLines: 'last <b>words</b>' }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2 });
    await run.outcome();
    const { currentDetails } = await run.handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    const shown = currentDetails.replaceAll('\u2002', '').replace(/\d\d \w{3} \d\d:\d\d:\d\d/g, 'TIME');
    expect(shown.split('\n')).toEqual([
      '**failed** (CommandFailed): Node 0 on a exited with code 3 in generation 1; the other node was stopped',
      '',
      'Run story on the fleet default · 2 nodes · generation 1',
      '',
      'Node 0 on a, which failed first, said last:',
      '',
      '    last <b>words</b>',
      '',
      '|rank|host|address|state|since (UTC)|last line|',
      '|---|---|---|---|---|---|',
      '|0|a|10.0.0.1|failed, exit 3|TIME|`last <b>words</b>`|',
      '|1|b|10.0.0.2|stopped|TIME|–|',
      '',
      'What went wrong, and what was done:',
      '',
      '- TIME: Node 0 on a exited with code 3 in generation 1; the other node was stopped',
      '',
      'All output: `muster logs story`',
    ]);
  });

  it('goes on when somebody sends signals by hand that say nothing', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(({ phase }) => phase === 'running');
    const [cell = ''] = await run.cells();
    for (const name of ['nodesEnded', 'cellGathered', 'hostsGranted', 'nodesReleased', 'nodesSilent']) await run.handle.signal(name);
    await run.handle.signal('nodesEnded', { ends: 'all' });
    for (const name of ['rosterSealed', 'stopDecided', 'changeProposed']) await stage.env.client.workflow.getHandle(cell).signal(name);
    for (const name of ['leaseRequested', 'hostAnnounced', 'leaseReturned']) await fleetHandle(stage.env).signal(name, null);
    // Nor ones that say it in another shape.
    await run.handle.signal('hostsTaken', { hosts: 'gpu-1', by: 'x' });
    await fleetHandle(stage.env).signal('hostAnnounced', { facts: {}, runs: [] });
    await fleetHandle(stage.env).signal('leaseRequested', { run: {}, request: 'x', parts: 1, askedAtMs: 0, deadlineMs: 0 });
    expect((await fleetHandle(stage.env).query(messages.hosts)).map(({ host }) => host)).toEqual(['a']);
    a?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
    await stage.allFree();
  });

  it('is stopped politely by an update without data, and refuses another mode', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(({ phase }) => phase === 'running');
    await expect(run.handle.executeUpdate('stop', { args: [{ mode: 'softly' }] })).rejects.toMatchObject({
      cause: { message: expect.stringContaining('"graceful"') },
    });
    await run.handle.executeUpdate('stop');
    expect((await run.outcome()).final).toMatchObject({ phase: 'cancelled', reason: 'Stopped' });
    expect(a?.asked('stopNode')[0]).toMatchObject({ graceSeconds: 30 });
    await stage.allFree();
  });

  it('fails once, with every problem, when the task is invalid', async () => {
    const run = await stage.run({ nodes: 0, comands: [] });
    const { reason, message } = await run.outcome();
    expect(reason).toBe('InvalidSpec');
    expect(message).toContain('nodes');
    expect(message).toContain('comands');
    await stage.record('run-invalid', 'story');
  });

  it('succeeds and stops the others when the master is done and the task says so', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2, stop_criteria: 'master-done' });
    await run.untilStatus(({ phase }) => phase === 'running');
    a?.exit(0);
    const { status, final } = await run.outcome();
    expect(status).toBe('succeeded');
    expect(final.nodes.map(({ state }) => state)).toEqual(['succeeded', 'stopped']);
    expect(b?.running()).toBe(0);
    await stage.allFree();
  });

  it('fails with MaxDuration when nodes run longer than max_duration after the release', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2, max_duration: '10m', host_timeout: '1d' });
    await run.untilStatus(({ phase }) => phase === 'running');
    await stage.env.skip(599_000, 2);
    expect((await run.status()).phase).toBe('running');
    const { reason, message } = await run.outcome();
    expect([reason, message]).toEqual(['MaxDuration', expect.stringContaining('still going 600 s after its start')]);
    expect([a?.running(), b?.running()]).toEqual([0, 0]);
    await stage.allFree();
  });

  it('goes on when a node is reported by a cell of another generation, or by a stranger', async () => {
    const [a] = await stage.hosts({ a: { exitCode: null } });
    const run = await stage.run({ nodes: 1 });
    await run.untilStatus(({ phase }) => phase === 'running');
    const [cell = ''] = await run.cells();
    const end = { kind: 'exited' as const, outOfMemory: false, stopped: false, code: 9, startNumber: 1, endedAtMs: 0, lastLines: '', clean: true };
    await run.handle.signal(messages.nodesEnded, { cell, generation: 2, ends: [{ host: 'a', end }] });
    await run.handle.signal(messages.nodesEnded, { cell: 'another', generation: 1, ends: [{ host: 'a', end }] });
    await run.handle.signal(messages.nodesEnded, { cell, generation: 1, ends: [{ host: 'stranger', end }] });
    await run.handle.signal(messages.cellGathered, { cell: 'another', gathered: [], missing: [] });
    await run.handle.signal(messages.nodesReleased, { generation: 2 });
    expect((await run.status()).phase).toBe('running');
    a?.exit(0);
    expect((await run.outcome()).status).toBe('succeeded');
  });

  it('keeps what it saw first when an end is reported twice', async () => {
    const [a, b] = await stage.hosts({ a: { exitCode: null }, b: { exitCode: null } });
    const run = await stage.run({ nodes: 2 });
    await run.untilStatus(({ phase }) => phase === 'running');
    a?.exit(0);
    await run.untilStatus(({ nodes }) => nodes[0]?.state === 'succeeded');
    const [cell = ''] = await run.cells();
    const end = { kind: 'exited' as const, outOfMemory: false, stopped: false, code: 9, startNumber: 1, endedAtMs: 0, lastLines: '', clean: true };
    await run.handle.signal(messages.nodesEnded, { cell, generation: 1, ends: [{ host: 'a', end }] });
    expect((await run.status()).nodes[0]).toMatchObject({ state: 'succeeded', exitCode: 0 });
    b?.exit(0);
    expect((await run.outcome()).message).toBe('All 2 nodes exited with code 0');
  });
});
