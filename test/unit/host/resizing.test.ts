import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { bury } from '../../../activities/host/called-off.js';
import type { NodeStart } from '../../../activities/host/node-start.js';
import { openPeerPort, type PeerPort } from '../../../activities/network/peer-port.js';
import type { NodeUpdate, UpdateNodeInput } from '../../../spec/activities.js';
import { type Roster, rosterBytes, rosterDigest } from '../../../spec/roster.js';
import { until } from '../../helpers/until.js';
import { OneHost } from './one-host.js';

const never = new AbortController().signal;
/** Says what it was told with, line by line. */
const tells = { do: 'exec' as const, command: 'echo "$MUSTER_OLD_NODES_IPS>$DSTACK_NODES_IPS" >> $WHERE/told', timeoutSeconds: 10 };

let ports: PeerPort[] = [];
beforeEach(() => {
  ports = [];
  return () => Promise.all(ports.map((port) => port.close()));
});

/** A change of this host's list, to its own address and others; by itself nobody else has to come. */
function change(
  host: OneHost,
  start: NodeStart,
  generation: number,
  { others = [] as string[], ...more }: Partial<UpdateNodeInput> & { others?: string[] } = {},
) {
  const nodes = ['127.0.0.1', ...others].map((address, rank) => ({
    ...{ rank, group: '0', host: rank === 0 ? 'host-1' : `host-${rank + 1}`, address, interface: 'lo', port: 1, gpus: 0, id: `${rank}` },
  }));
  const roster: Roster = { runId: host.run.runId, generation, masterPort: null, nodes };
  const bytes = rosterBytes(roster);
  const input: UpdateNodeInput = {
    ...{ host: 'host-1', identity: 'one', run: host.run, generation, startNumber: start.record.startNumber, rank: 0, address: '127.0.0.1' },
    ...{ nodes: nodes.length, digest: rosterDigest(bytes), token: 'token', rendezvous: { address: '127.0.0.1', port: 1 }, rosterBytes: bytes },
    ...{ barrierDeadlineMs: 0, preflight: 'off', fence: [], decided: false, ...more },
  };
  return (limitMs = 5_000, cancelled = never): Promise<NodeUpdate> => {
    const resizing = host.seats.resizingOf(input);
    if (resizing === undefined) throw new Error('The host does not know the start');
    return resizing.take(input, Date.now() + limitMs, cancelled);
  };
}

async function openHost(program: ConstructorParameters<typeof OneHost>[0] = {}): Promise<OneHost> {
  const host = new OneHost({ onResize: { do: 'file' }, ...program });
  const port = await openPeerPort({ address: '127.0.0.1' });
  ports.push(port);
  Object.assign(host.agent, { peers: port });
  return host;
}

const listOf = ({ dir }: NodeStart) => readFileSync(join(dir, 'nodes'), 'utf8');
const generationOf = ({ dir }: NodeStart) => (JSON.parse(readFileSync(join(dir, 'roster.json'), 'utf8')) as Roster).generation;

describe('a newer list', () => {
  it('is taken over, files and record, once all have met', async () => {
    const host = await openHost();
    const start = await host.running();
    expect(await change(host, start, 2)()).toEqual({ kind: 'updated' });
    expect([start.record.generation, generationOf(start), listOf(start)]).toEqual([2, 2, '127.0.0.1']);
  });

  it('changes nothing when somebody does not come by the deadline', async () => {
    const host = await openHost({ onResize: tells });
    const start = await host.running();
    expect(await change(host, start, 2, { others: ['127.0.0.9'] })(300)).toMatchObject({ kind: 'failed', failure: { type: 'BarrierBroken' } });
    expect([start.record.generation, start.record.oldList, generationOf(start), listOf(start), host.wrote('told')]).toEqual([
      1,
      null,
      1,
      '127.0.0.1',
      undefined,
    ]);
  });

  it('changes nothing when it is called off, and the next one is taken over', async () => {
    const host = await openHost();
    const start = await host.running();
    const over = new AbortController();
    const dropped = change(host, start, 2, { others: ['127.0.0.9'] })(20_000, over.signal);
    over.abort(new Error('called off'));
    expect((await dropped).kind).toBe('failed');
    expect(start.record.generation).toBe(1);
    expect(await change(host, start, 3)()).toEqual({ kind: 'updated' });
  });

  it('that the others have already is taken over without a meeting', async () => {
    const host = await openHost();
    const start = await host.running();
    expect(await change(host, start, 2, { others: ['127.0.0.9'], decided: true })()).toEqual({ kind: 'updated' });
    expect(listOf(start)).toBe('127.0.0.1\n127.0.0.9');
  });

  it('is taken over in the middle of its own meeting once it is decided, and both say so', async () => {
    const host = await openHost();
    const start = await host.running();
    const meeting = change(host, start, 2, { others: ['127.0.0.9'] })(20_000);
    expect(await change(host, start, 2, { others: ['127.0.0.9'], decided: true })()).toEqual({ kind: 'updated' });
    expect(await meeting).toEqual({ kind: 'updated' });
  });

  it('that it has already is confirmed; another one of the same or an older generation is refused', async () => {
    const host = await openHost();
    const start = await host.running();
    const second = change(host, start, 2);
    await second();
    expect(await second()).toEqual({ kind: 'updated' });
    expect(await change(host, start, 2, { others: ['127.0.0.9'], decided: true })()).toMatchObject({ failure: { type: 'Superseded' } });
    expect(await change(host, start, 1)()).toMatchObject({ failure: { type: 'Superseded' } });
    expect(listOf(start)).toBe('127.0.0.1');
  });

  it('does not end the meeting of a newer one when it comes late', async () => {
    const host = await openHost();
    const start = await host.running();
    const over = new AbortController();
    const newer = change(host, start, 3, { others: ['127.0.0.9'] })(20_000, over.signal);
    expect(await change(host, start, 2)()).toMatchObject({ failure: { type: 'Superseded' } });
    // What is decided holds all the same, whatever comes of the newer one.
    expect(await change(host, start, 2, { decided: true })()).toEqual({ kind: 'updated' });
    expect(await change(host, start, 3, { others: ['127.0.0.9'], decided: true })()).toEqual({ kind: 'updated' });
    expect(await newer).toEqual({ kind: 'updated' });
  });

  it('is taken over for a start that has ended, whoever ended it, and nobody is told', async () => {
    for (const commands of [['exit 0'], ['sleep 1000']]) {
      const host = await openHost({ commands, onResize: tells, health: null });
      const start = await host.prepare();
      host.begin(start);
      if (commands[0] !== 'exit 0') {
        await until(() => start.record.stage, 'released');
        start.record.ending = { why: { type: 'Unhealthy', message: 'it hung' }, gaveUp: true };
        await start.stop({ type: 'Unhealthy', message: 'it hung' }, 'SIGKILL', 0);
      }
      await host.end();
      await start.closed;
      expect(await change(host, start, 2)(), commands[0]).toEqual({ kind: 'updated' });
      expect([generationOf(start), host.wrote('told')]).toEqual([2, undefined]);
    }
  });

  it('is refused by what is being ended, and by what was called off', async () => {
    const host = await openHost({ commands: ["trap '' TERM; sleep 1000 & wait; wait"] });
    const start = await host.running();
    bury(host.agent, host.run.runId, { generation: 0, startNumber: 0, gathering: 'cell' });
    expect(await change(host, start, 2)()).toMatchObject({ failure: { type: 'Superseded' } });
    const other = await openHost({ commands: ["trap '' TERM; while :; do sleep 0.1; done"] });
    const ending = await other.running();
    void ending.stop({ type: 'Stopped', message: 'over' }, 'SIGTERM', 60_000);
    expect(await change(other, ending, 2)()).toMatchObject({ failure: { type: 'Superseded' } });
  });

  it('has the agents of lost hosts called at once', async () => {
    const host = await openHost();
    const start = await host.running();
    let calls = 0;
    const lost = await openPeerPort({ address: '127.0.0.1' });
    ports.push(lost);
    lost.answer(async () => {
      calls++;
      return undefined;
    });
    await change(host, start, 2, { fence: [{ host: 'gone', address: '127.0.0.1', port: lost.port, startNumber: 1 }] })();
    await until(() => calls > 0, true);
  });
});

describe('a program', () => {
  it('is told of each change with the list as it was and as it is', async () => {
    const host = await openHost({ onResize: tells });
    const start = await host.running();
    await change(host, start, 2, { others: ['127.0.0.8'], decided: true })();
    await until(() => host.wrote('told')?.split('\n').length, 3);
    expect(host.wrote('told')).toBe('127.0.0.1>127.0.0.1\n127.0.0.8\n');
    await until(() => start.record.oldList, null);
  });

  it('that its agent had no time to tell of a change is told by the next one', async () => {
    const host = await openHost({ onResize: tells });
    const start = await host.running();
    // The agent dies as soon as the files are replaced.
    const taking = change(host, start, 2, { others: ['127.0.0.8'], decided: true })();
    void host.seats.detach();
    await taking;
    host.succeed();
    await until(() => host.wrote('told'), '127.0.0.1>127.0.0.1\n127.0.0.8\n');
    await until(() => host.start().record.oldList, null);
    expect(host.start().record.generation).toBe(2);
  });

  it('whose command of on_resize fails has failed', async () => {
    const host = await openHost({ onResize: { do: 'exec', command: 'echo no; exit 3', timeoutSeconds: 10 } });
    const start = await host.running();
    await change(host, start, 2)();
    expect(await host.end()).toMatchObject({ kind: 'failed', failure: { type: 'ResizeFailed', message: expect.stringMatching(/ended with code 3; .*no/) } });
  });
});
