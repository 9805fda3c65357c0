import { createConnection } from 'node:net';
import { CLOSED, Link } from './link.js';
import { Answer, encode, newNonce, PROTOCOL_VERSION, type Question, sameProof, signAnswer, signQuestion } from './protocol.js';

/** An agent's answer is short; the longest part are a node's last lines. */
const ANSWER_BYTES = 16 * 1024;

/** Whom to ask, about which of its starts. */
export interface PeerQuestion {
  kind: Question['t'];
  address: string;
  port: number;
  /** The asker's own address. */
  localAddress: string;
  token: string;
  runId: string;
  host: string;
  startNumber: number;
  /** With `fence`: work of this generation and earlier ones is over. */
  generation: number;
}

/** What the other agent says, or why it said nothing, in words. `closed`: somebody is there, who wants no talk: an agent that does not know the run's token yet. */
export type PeerAnswer = { heard: true; state: Answer['state']; end: string | null } | { heard: false; why: string; closed: boolean };

/** Asks another agent about one of its seats, within `limitMs`. Only an answer that proves to come from the agent of that host counts. Never rejects. */
export function askPeer(question: PeerQuestion, limitMs: number): Promise<PeerAnswer> {
  const { kind, address, port, localAddress, token, runId, host, startNumber, generation } = question;
  const asked = { t: kind, runId, host, startNumber, generation, nonce: newNonce() };
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port, localAddress, noDelay: true });
    const link = new Link(socket, ANSWER_BYTES);
    const limit = setTimeout(() => link.drop(`no answer within ${limitMs / 1000} s`), limitMs);
    socket.once('connect', () => link.send(encode({ muster: PROTOCOL_VERSION, ...asked, mac: signQuestion(token, asked) })));
    link.onFrame = (frame) => {
      const answer = Answer.safeParse(frame);
      if (!answer.success || !sameProof(answer.data.mac, signAnswer(token, asked, answer.data))) return link.drop('another agent answered there');
      clearTimeout(limit);
      link.onClosed = () => {};
      socket.destroy();
      resolve({ heard: true, state: answer.data.state, end: answer.data.end });
    };
    link.onClosed = (why) => {
      clearTimeout(limit);
      resolve({ heard: false, why, closed: why === CLOSED });
    };
  });
}
