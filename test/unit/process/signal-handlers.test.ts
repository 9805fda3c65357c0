import { expect, it } from 'vitest';
import { signalHandlers } from '../../../activities/process/signal-handlers.js';
import { readExit } from '../../../activities/process/start-dir.js';
import { endCarriers } from '../../../activities/process/terminate.js';
import { until } from '../../helpers/until.js';
import { lives, prepared, type Start } from './starts.js';

const end = ({ cookie }: Start) => endCarriers({ cookie, signal: 'SIGKILL', graceMs: 0 });

it('a process with a handler gets the signal', async () => {
  const start = await prepared();
  start.go(`trap 'echo got it' HUP; echo ready; while :; do sleep 0.05; done`);
  await start.says('ready');
  expect(signalHandlers(start.dir, 'SIGHUP')).toBeGreaterThan(0);
  await start.says('got it');
  await end(start);
});

it('a wrapper shell without a trap, and what does not listen to it, go on', async () => {
  const start = await prepared();
  start.go(`sleep 1000 & bash -c 'trap "echo got it" USR1; echo ready; while :; do sleep 0.05; done'; echo over`);
  await start.says('ready');
  expect(signalHandlers(start.dir, 'SIGUSR1')).toBeGreaterThan(0);
  await start.says('got it');
  expect([lives(start.program().pid), readExit(start.dir), start.output().includes('over')]).toEqual([true, undefined, false]);
  await end(start);
});

it('another signal than that with a handler is sent to nobody', async () => {
  const start = await prepared();
  start.go(`trap 'echo got it' HUP; echo ready; while :; do sleep 0.05; done`);
  await start.says('ready');
  expect(signalHandlers(start.dir, 'SIGUSR2')).toBe(0);
  await end(start);
});

it('nobody gets it before the program has started, nor after it has ended', async () => {
  const start = await prepared();
  expect(signalHandlers(start.dir, 'SIGHUP')).toBe(0);
  start.go('exit 0');
  await start.exitCode();
  await until(() => signalHandlers(start.dir, 'SIGHUP'), 0);
});
