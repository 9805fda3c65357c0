import { expect, it, vi } from 'vitest';
import type { NodeStart } from '../../../activities/host/node-start.js';
import { writeStart } from '../../../activities/host/store.js';
import { readExit, readProgram, readShim, shimAlive } from '../../../activities/process/start-dir.js';
import { until } from '../../helpers/until.js';
import { lives } from '../process/starts.js';
import { OneHost } from './one-host.js';

const WHY = { type: 'Stopped' as const, message: 'the run stopped its nodes' };

/** bash dies of the signal at once; its child takes so long to save its work. */
function slowToSave(seconds: number): string {
  const lines = [
    'import signal, sys, time',
    'def save(*_):',
    `  open("asked", "w").close(); time.sleep(${seconds}); open("saved", "w").close(); sys.exit(0)`,
    'signal.signal(signal.SIGTERM, save)',
    'open("up", "w").close()',
    'time.sleep(1000)',
  ];
  return `cd "$WHERE" && python3 -c '${lines.join('\n')}'`;
}

it('a program whose shell dies of the signal has its grace, and its end is told after it', async () => {
  const host = new OneHost({ commands: [slowToSave(1.5)] });
  const start = await host.running();
  await until(() => host.wrote('up'), '');
  const stopping = start.stop(WHY, 'SIGTERM', 20_000);
  await start.ended;
  expect(host.wrote('saved')).toBe('');
  expect(await stopping).toBe(true);
  expect(await host.end()).toMatchObject({ kind: 'exited', stopped: true, clean: true });
});

it('a stop without a grace hurries one that waits', async () => {
  const host = new OneHost({ commands: [slowToSave(30)] });
  const start = await host.running();
  await until(() => host.wrote('up'), '');
  const first = start.stop(WHY, 'SIGTERM', 60_000);
  await until(() => host.wrote('asked'), '');
  expect(await start.stop(WHY, 'SIGTERM', 0)).toBe(true);
  expect(await first).toBe(true);
  expect(await host.end()).toMatchObject({ kind: 'exited', stopped: true, clean: true });
  expect(host.wrote('saved')).toBeUndefined();
});

it('a start whose shim is dead when it is to go ends with ShimLost', async () => {
  const host = new OneHost({});
  const start = await host.prepare();
  await killShim(start);
  host.begin(start);
  expect(await host.end()).toMatchObject({ kind: 'failed', failure: { type: 'ShimLost' }, clean: true });
  expect(readProgram(start.dir)).toBeUndefined();
});

it('a start whose shim died while no agent was there ends with ShimLost, and nothing of it waits', async () => {
  const host = new OneHost({});
  const start = await host.prepare();
  await host.seats.detach();
  await killShim(start);
  const waiter = readShim(start.dir)?.waiterPid ?? 0;
  expect(lives(waiter)).toBe(true);
  host.succeed();
  await until(() => lives(waiter), false);
});

it('a start that was let go before its agent died, and shows no program until it is asked for again, is watched to its end', async () => {
  const host = new OneHost({ commands: ['exit 4'] });
  const start = await host.prepare();
  const { waiterPid = 0 } = readShim(start.dir) ?? {};
  process.kill(waiterPid, 'SIGSTOP');
  host.begin(start);
  await until(() => start.record.stage, 'released');
  writeStart(host.dataDir, { ...start.record, stage: 'meeting' });
  host.succeed();
  process.kill(waiterPid, 'SIGCONT');
  await until(() => readExit(start.dir)?.code, 4);
  host.begin(host.start(), { again: true });
  expect(await host.end()).toMatchObject({ kind: 'exited', code: 4 });
});

it('a meeting that breaks in the very turn of go does not leave the program to itself', async () => {
  const host = new OneHost({});
  const start = await host.prepare();
  const breaks = (_: unknown, { onGo }: { onGo(): void }) => {
    let giveUp = (_: Error) => {};
    const released = new Promise((_, reject) => {
      giveUp = reject;
    });
    const ready = () => {
      onGo();
      giveUp(new Error('broken'));
    };
    return { ready, absent: () => [], up: () => undefined, released };
  };
  Object.assign(host.agent.peers, { host: breaks, meetPeers: () => ({ close: () => undefined }) });
  host.begin(start, { entry: 'barrier' });
  await until(() => readProgram(start.dir) !== undefined, true);
  expect(await start.stop(WHY, 'SIGTERM', 20_000)).toBe(true);
  expect(await host.end()).toMatchObject({ kind: 'exited', stopped: true });
});

it.each([0, 20_000])('a stop that comes right after go, with a grace of %i ms, leaves nothing', async (graceMs) => {
  const host = new OneHost({ commands: ['exec sleep 1000'] });
  const start = await host.prepare();
  const { waiterPid = 0 } = readShim(start.dir) ?? {};
  host.begin(start);
  await until(() => start.record.stage, 'released');
  expect(await start.stop(WHY, 'SIGTERM', graceMs)).toBe(true);
  expect(lives(waiterPid)).toBe(false);
  await host.end();
});

it('a Temporal that was started anew without its data, and so knows no such run, has the program ended', async () => {
  const host = new OneHost({ commands: ['exec sleep 1000'], hostTimeoutSeconds: 6 });
  const start = await host.running();
  const pid = readProgram(start.dir)?.pid ?? 0;
  host.forgot = true;
  await start.ended;
  expect(lives(pid)).toBe(false);
  await host.end();
});

it('an agent that dies while it ends a program is followed by one that goes on with that, and knows that the program was stopped', async () => {
  const host = new OneHost({ commands: ['trap "" TERM; while :; do sleep 0.1; done'], stopDurationSeconds: 1 });
  const start = await host.running();
  void start.stop(WHY, 'SIGTERM', 60_000);
  host.succeed();
  expect(await host.end(10_000)).toMatchObject({ kind: 'exited', code: 137, stopped: true, clean: true });
});

it('a start that was being called off when its agent died was called off, and has not lost its shim', async () => {
  const host = new OneHost({});
  const start = await host.prepare();
  await host.seats.detach();
  writeStart(host.dataDir, { ...start.record, ending: { why: WHY, gaveUp: false } });
  await killShim(start);
  host.succeed();
  const next = host.start();
  await next.ended;
  expect(next.record.end).toMatchObject({ kind: 'failed', failure: WHY });
});

it('why a host gave its program up is known to the next agent', async () => {
  const health = { port: null, command: 'exit 1', intervalSeconds: 0.1, timeoutSeconds: 5, failures: 1, startPeriodSeconds: 0 };
  const host = new OneHost({ commands: ['trap "" TERM; while :; do sleep 0.1; done'], stopDurationSeconds: 1, health });
  const start = await host.running();
  await until(() => start.record.ending?.gaveUp, true);
  host.succeed();
  expect(await host.end(10_000)).toMatchObject({ kind: 'failed', failure: { type: 'Unhealthy' } });
});

it('a log that fails does not keep a program that was released from going', async () => {
  const host = new OneHost({});
  const info = () => {
    throw new Error('ENOSPC');
  };
  Object.assign(host.agent.log, { info });
  const start = await host.running();
  Object.assign(host.agent.log, { info: () => undefined });
  await start.stop(WHY, 'SIGKILL', 0);
  expect(await host.end()).toMatchObject({ kind: 'exited', stopped: true });
});

it('a command that begins while what a lost shim left is being ended does not outlive the node', async () => {
  const host = new OneHost({});
  const start = await host.running();
  const wasOver: boolean[] = [];
  vi.spyOn(host.agent.commands, 'endOf').mockImplementation(() => void wasOver.push(start.record.end !== null));
  await killShim(start);
  await start.ended;
  // Once more when none can begin any more.
  expect(wasOver).toEqual([false, true]);
  await host.end();
});

async function killShim({ dir }: NodeStart): Promise<void> {
  process.kill(readShim(dir)?.pid ?? 0, 'SIGKILL');
  await until(() => shimAlive(dir), false);
}
