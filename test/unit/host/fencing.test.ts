import { expect, it } from 'vitest';
import { answerPeer } from '../../../activities/host/peers.js';
import { Seats } from '../../../activities/host/seats.js';
import { writeStart } from '../../../activities/host/store.js';
import { type Question, signQuestion } from '../../../activities/network/protocol.js';
import { readProgram } from '../../../activities/process/start-dir.js';
import { until } from '../../helpers/until.js';
import { lives } from '../process/starts.js';
import { OneHost } from './one-host.js';

const STUBBORN = `cd "$WHERE" && trap 'touch asked' TERM && touch up && while :; do sleep 0.02; done`;

/** What rank 0's agent asks of a host that its run went on without. */
function fence(host: OneHost): Question {
  const said = { t: 'fence' as const, runId: host.run.runId, host: 'host-1', startNumber: 1, generation: 1, nonce: '0'.repeat(64) };
  return { muster: 3, ...said, mac: signQuestion('token', said) };
}

it('an agent says that nothing is left of a start only when it is so, also of one that it has not taken up', async () => {
  const host = new OneHost({});
  const { dir } = await host.running();
  await host.seats.detach();
  const pid = readProgram(dir)?.pid ?? 0;
  const answer = await answerPeer(host.agent, new Seats(host.agent), fence(host));
  expect([answer?.state, lives(pid)]).toEqual(['fenced', false]);
});

it('a start with strict fencing is ended once its host has not reached Temporal for host_timeout', async () => {
  const host = new OneHost({ fencing: 'strict', hostTimeoutSeconds: 1 });
  const { dir } = await host.running();
  host.reached = false;
  await until(() => lives(readProgram(dir)?.pid ?? 0), false);
  host.reached = true;
  expect(await host.end()).toMatchObject({ kind: 'failed', failure: { type: 'Fenced' }, clean: true });
});

it('it is ended also where its agent is started again and again meanwhile, none of which lives for as long', async () => {
  const host = new OneHost({ fencing: 'strict', hostTimeoutSeconds: 2 });
  const { dir } = await host.running();
  const pid = readProgram(dir)?.pid ?? 0;
  host.reached = false;
  const alive = () => {
    host.succeed();
    return lives(pid);
  };
  await until(alive, false, 8_000);
});

it('it has no grace left where its agent comes back too late for one', async () => {
  const host = new OneHost({ commands: [STUBBORN], fencing: 'strict', hostTimeoutSeconds: 1, stopDurationSeconds: 20 });
  const start = await host.running();
  const pid = readProgram(start.dir)?.pid ?? 0;
  await until(() => host.wrote('up'), '');
  await host.seats.detach();
  host.reached = false;
  host.heardLongAgo(start, 60_000);
  host.succeed();
  await until(() => lives(pid), false);
  expect(host.wrote('asked')).toBeUndefined();
});

it('an agent that goes on with a fence takes what it is late by off the grace', async () => {
  const host = new OneHost({ fencing: 'strict', hostTimeoutSeconds: 5, stopDurationSeconds: 60, commands: ['trap "" TERM; while :; do sleep 0.1; done'] });
  const start = await host.running();
  await host.seats.detach();
  writeStart(host.dataDir, { ...start.record, ending: { why: { type: 'Fenced', message: 'cut off' }, gaveUp: true } });
  host.heardLongAgo(start, 70_000);
  host.succeed();
  expect(await host.end(10_000)).toMatchObject({ failure: { type: 'Fenced' }, clean: true });
});
