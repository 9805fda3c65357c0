import { afterEach, describe, expect, it } from 'vitest';
import { askPeer } from '../../../activities/network/ask-peer.js';
import type { PeerPort } from '../../../activities/network/peer-port.js';
import { type Answer, type Question, signAnswer } from '../../../activities/network/protocol.js';
import { leaveNothingOpen, openPort } from './meeting-place.js';

afterEach(leaveNothingOpen);

const TOKEN = 'the-token-of-run-a';

function ask(port: PeerPort, limitMs = 2_000) {
  const seat = { runId: 'run-a', host: 'host-2', startNumber: 3, generation: 1 };
  return askPeer({ kind: 'ask', address: port.address, port: port.port, localAddress: '127.0.0.9', token: TOKEN, ...seat }, limitMs);
}

const answer = (question: Question, state: Answer['state'], end: string | null, token = TOKEN): Answer => ({
  ...{ t: 'answer', state, end },
  mac: signAnswer(token, question, { state, end }),
});

describe('a question to a peer', () => {
  it('carries what it is about, and brings back the state and the end', async () => {
    const port = await openPort();
    const heard: Question[] = [];
    port.answer(async (question) => {
      heard.push(question);
      return answer(question, 'ended', '{"code":0}');
    });
    expect(await ask(port)).toEqual({ heard: true, state: 'ended', end: '{"code":0}' });
    expect(heard).toMatchObject([{ t: 'ask', runId: 'run-a', host: 'host-2', startNumber: 3 }]);
  });

  it('believes nobody who does not know the token', async () => {
    const port = await openPort();
    port.answer(async (question) => answer(question, 'running', null, 'a guess'));
    expect(await ask(port)).toEqual({ heard: false, why: 'another agent answered there', closed: false });
  });

  it('hears of one that has nothing to say, of one that is silent, and of nobody', async () => {
    const port = await openPort();
    port.answer(async () => undefined);
    expect(await ask(port)).toEqual({ heard: false, why: 'the other side closed the connection', closed: true });
    port.answer(() => new Promise(() => {}));
    expect(await ask(port, 100)).toEqual({ heard: false, why: 'no answer within 0.1 s', closed: false });
    await port.close();
    expect(await ask(port)).toMatchObject({ heard: false, why: expect.stringContaining('ECONNREFUSED') });
  });
});
