import { createServer, type Server, type Socket } from 'node:net';
import { AddressNotFound, BarrierBroken } from './errors.js';
import { Link } from './link.js';
import { type HostedMeeting, Meeting, type MeetingHandlers, type MeetingTerms } from './meeting.js';
import {
  type Answer,
  encode,
  FIRST_FRAME_BYTES,
  HANDSHAKE_MS,
  Hello,
  newNonce,
  Opening,
  PROTOCOL_VERSION,
  Proof,
  ProveFrame,
  prove,
  Question,
  type Refusal,
  sameProof,
  signProof,
} from './protocol.js';

export type { HostedMeeting, MeetingHandlers, MeetingTerms } from './meeting.js';

/** The one port on which an agent hears the other agents, for all its runs. */
export interface PeerPort {
  readonly address: string;
  readonly port: number;
  /**
   * Holds the barrier of a generation. A run has one meeting at a time: a newer generation closes the older one, whose nodes are
   * then refused as stale; an older or the same generation throws, the older `BarrierBroken`. Keep it open after the release for
   * as long as nodes may come back for their *go*, and close it when the generation is over.
   */
  host(terms: MeetingTerms, handlers: MeetingHandlers): HostedMeeting;
  /**
   * From now on, until it is closed, a node of this generation that connects hears that this is that rank. A newer generation of the run takes
   * the place of an older one.
   */
  meetPeers(terms: PeerTerms): { close(): void };
  /** Answers questions about seats from now on; undefined hangs up without a word. One that throws does too. */
  answer(how: (question: Question) => Promise<Answer | undefined>): void;
  /** Closes all meetings and connections; resolves when nothing is open any more. */
  close(): Promise<void>;
}

/** A node of this host, as its peers know it. */
export interface PeerTerms {
  runId: string;
  generation: number;
  digest: string;
  token: string;
  rank: number;
}

export interface PeerPortOptions {
  address: string;
  /** 0, the default, takes a free one. */
  port?: number | undefined;
  /** How long, in milliseconds, a connection may take to prove itself, and how many such connections are kept. */
  strangers?: { ms: number; limit: number } | undefined;
}

/** Listens. Fails with one sentence for the user where the port is taken, and with `AddressNotFound` where the address is not this machine's. */
export async function openPeerPort({ address, port = 0, strangers = { ms: HANDSHAKE_MS, limit: 1024 } }: PeerPortOptions): Promise<PeerPort> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, address, port)));
    // A gang of thousands may connect at once.
    server.listen({ host: address, port, backlog: 4096, exclusive: true }, resolve);
  });
  return new ListeningPort(server, address, strangers.ms, strangers.limit);
}

/** A connection that has proven nothing yet. With a `hello` it waits for a meeting that is not hosted yet. */
interface Stranger {
  link: Link;
  hello?: Hello;
  /** Or a proof is asked for, of a node that is not here yet. */
  prove?: ProveFrame;
  timer: NodeJS.Timeout;
}

class ListeningPort implements PeerPort {
  readonly port: number;
  readonly #meetings = new Map<string, Meeting>();
  readonly #strangers = new Set<Stranger>();
  readonly #sockets = new Set<Socket>();
  readonly #nodes = new Map<string, PeerTerms>();
  #answer: (question: Question) => Promise<Answer | undefined> = async () => undefined;

  constructor(
    private readonly server: Server,
    readonly address: string,
    private readonly strangerMs: number,
    private readonly strangerLimit: number,
  ) {
    const bound = server.address();
    this.port = typeof bound === 'object' && bound ? bound.port : 0;
    server.on('connection', (socket) => this.#greet(socket));
    // Such as too many open files: one connection is lost, its node tries again.
    server.on('error', () => {});
  }

  host(terms: MeetingTerms, handlers: MeetingHandlers): HostedMeeting {
    const { runId, generation } = terms;
    const older = this.#meetings.get(runId);
    if (older?.terms.generation === generation) throw new Error(`The barrier of generation ${generation} of run ${runId} is already held here.`);
    if (older && older.terms.generation > generation) {
      throw new BarrierBroken('stale-generation', `Generation ${generation} is over: generation ${older.terms.generation} of the run is meeting here.`, []);
    }
    const meeting = new Meeting(terms, handlers, (closed) => {
      if (this.#meetings.get(runId) === closed) this.#meetings.delete(runId);
    });
    older?.close();
    if (terms.signal?.aborted) return meeting;
    this.#meetings.set(runId, meeting);
    for (const stranger of this.#strangers) if (stranger.hello?.runId === runId) this.#admit(stranger, stranger.hello);
    return meeting;
  }

  meetPeers(terms: PeerTerms): { close(): void } {
    this.#nodes.set(terms.runId, terms);
    for (const stranger of this.#strangers) if (stranger.prove?.runId === terms.runId) this.#prove(stranger, stranger.prove);
    return {
      close: () => {
        if (this.#nodes.get(terms.runId) === terms) this.#nodes.delete(terms.runId);
      },
    };
  }

  answer(how: (question: Question) => Promise<Answer | undefined>): void {
    this.#answer = how;
  }

  async close(): Promise<void> {
    for (const meeting of this.#meetings.values()) meeting.close();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #greet(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const link = new Link(socket, FIRST_FRAME_BYTES);
    const stranger: Stranger = { link, timer: setTimeout(() => this.#tooLate(stranger), this.strangerMs) };
    link.onClosed = () => this.#release(stranger);
    if (this.#strangers.size >= this.strangerLimit && !this.#dropOldestSilent()) {
      link.drop('too many strangers');
      return;
    }
    this.#strangers.add(stranger);
    link.onFrame = (frame) => {
      const opening = Opening.safeParse(frame);
      if (!opening.success) return link.drop('not an opening');
      if (opening.data.muster !== PROTOCOL_VERSION) return this.#refuse(stranger, 'version', { version: PROTOCOL_VERSION });
      if (opening.data.t === 'prove') {
        const prove = ProveFrame.safeParse(frame);
        if (!prove.success) return link.drop('no proof is asked for');
        stranger.prove = prove.data;
        link.onFrame = () => link.drop('it spoke out of turn');
        return this.#prove(stranger, prove.data);
      }
      const question = Question.safeParse(frame);
      if (question.success) return void this.#reply(stranger, question.data);
      const hello = Hello.safeParse(frame);
      if (!hello.success) return link.drop('not a hello');
      stranger.hello = hello.data;
      link.onFrame = () => link.drop('it spoke out of turn');
      this.#admit(stranger, hello.data);
    };
  }

  /** Proves to another node that this is the one that it looks for; where that is not here yet, it waits. Who does not know the token hears nothing. */
  #prove(stranger: Stranger, asked: ProveFrame): void {
    const node = this.#nodes.get(asked.runId);
    if (!node || asked.generation > node.generation) return;
    this.#release(stranger);
    const isMeant = node.generation === asked.generation && node.digest === asked.digest && node.rank === asked.to;
    if (!isMeant || !sameProof(asked.mac, signProof(node.token, 'prove', asked))) stranger.link.drop('it looks for another');
    else this.#finish(stranger, encode({ t: 'proven', mac: signProof(node.token, 'proven', asked) }));
  }

  async #reply(stranger: Stranger, question: Question): Promise<void> {
    const { link } = stranger;
    link.onFrame = () => link.drop('it spoke out of turn');
    const answer = await this.#answer(question).catch(() => undefined);
    if (!this.#strangers.has(stranger)) return;
    this.#release(stranger);
    if (answer === undefined) link.drop('nothing to say to it');
    else this.#finish(stranger, encode(answer));
  }

  /** Decides about a hello. Where its meeting is not held here yet, the connection waits for it: faster than to call again. */
  #admit(stranger: Stranger, hello: Hello): void {
    const meeting = this.#meetings.get(hello.runId);
    if (!meeting || hello.generation > meeting.terms.generation) return;
    const { token, generation } = meeting.terms;
    const refusal = meeting.refusalOf(hello);
    if (!sameProof(hello.mac, prove(token, 'hello', hello, hello.nonce))) {
      if (hello.generation === generation) meeting.noteRefusal(hello.rank, 'never connected (who claimed to be it did not know the token)');
      this.#refuse(stranger, 'denied');
    } else if (hello.generation < generation) {
      this.#refuse(stranger, 'stale-generation', { generation });
    } else if (refusal) {
      meeting.noteRefusal(hello.rank, 'refused, its roster has another digest');
      this.#refuse(stranger, refusal);
    } else this.#challenge(stranger, hello, meeting);
  }

  #challenge(stranger: Stranger, hello: Hello, meeting: Meeting): void {
    const { link } = stranger;
    const { token } = meeting.terms;
    const nonce = newNonce();
    delete stranger.hello;
    clearTimeout(stranger.timer);
    stranger.timer = setTimeout(() => this.#tooLate(stranger), this.strangerMs);
    link.onFrame = (frame) => {
      const answer = Proof.safeParse(frame);
      if (!answer.success) return link.drop('not a proof');
      if (!sameProof(answer.data.proof, prove(token, 'joiner', hello, hello.nonce, nonce))) return this.#refuse(stranger, 'denied');
      if (this.#meetings.get(hello.runId) !== meeting) return this.#refuse(stranger, 'not-yet');
      this.#release(stranger);
      meeting.seat(hello.rank, link);
    };
    link.send(encode({ t: 'challenge', nonce, proof: prove(token, 'host', hello, hello.nonce, nonce) }));
  }

  #refuse(stranger: Stranger, why: Refusal['why'], more: Omit<Refusal, 't' | 'why'> = {}): void {
    this.#release(stranger);
    this.#finish(stranger, encode({ t: 'refused', why, ...more }));
  }

  #finish({ link }: Stranger, word: Buffer): void {
    // Not even the last word to one that does not read may stay for ever.
    const timer = setTimeout(() => link.drop('it did not read the last word'), this.strangerMs);
    link.onClosed = () => clearTimeout(timer);
    link.finish(word);
  }

  #tooLate(stranger: Stranger): void {
    if (stranger.hello) this.#refuse(stranger, 'not-yet');
    else if (stranger.prove) stranger.link.drop('it looks for a node that is not here');
    else stranger.link.drop('it did not prove itself in time');
  }

  /** Those that wait with a hello are kept: they are likely nodes. */
  #dropOldestSilent(): boolean {
    for (const stranger of this.#strangers) {
      if (stranger.hello || stranger.prove) continue;
      this.#release(stranger);
      stranger.link.drop('too many strangers');
      return true;
    }
    return false;
  }

  #release(stranger: Stranger): void {
    clearTimeout(stranger.timer);
    this.#strangers.delete(stranger);
  }
}

function listenError(error: NodeJS.ErrnoException, address: string, port: number): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(`Port ${port} on ${address} is taken by another program. Choose another with --port, or leave --port out and a free one is taken.`, {
        cause: error,
      });
    case 'EACCES':
      return new Error(`This user may not listen on port ${port} of ${address}. Choose a --port above 1023.`, { cause: error });
    case 'EADDRNOTAVAIL':
      return new AddressNotFound(`${address} is not an address of this machine, so its agent cannot listen there.`);
    default:
      return new Error(`Cannot listen on ${address} port ${port}: ${error.message}.`, { cause: error });
  }
}
