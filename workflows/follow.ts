import { ActivityCancellationType, CancellationScope, condition, proxyActivities, sleep } from '@temporalio/workflow';
import type { FormerSeat, HostActivities, RunNodeInput } from '../spec/activities.js';
import type { Failure } from '../spec/failures.js';
import { hostQueue } from '../spec/ids.js';
import type { Beat, NodeEnd } from '../spec/nodes.js';
import { areTogether, decideSilence, lateMs } from './decisions/silence.js';
import { heartbeatSeconds } from './decisions/timing.js';
import { failureOf, saidBy, timeoutOf } from './host-failure.js';
import { type Witness, Witnesses } from './witnesses.js';

/** What breaks on the way to a host and back is tried again so often in a row. */
const TRIES = 5;
const TRY_AGAIN_MS = 200;

/** A node to be followed to its end. */
export interface Followed {
  input: Omit<RunNodeInput, 'again'>;
  seat: FormerSeat;
  hostTimeoutSeconds: number;
  summary: string;
  /** The hosts of the other nodes, those first that are to be asked first. */
  peers: readonly Witness[];
  /** The hosts of this cell that are silent now, and how many of its nodes have not ended. */
  silent: Set<string>;
  running: () => number;
  /** Is told when the host falls silent, and when it is heard again. */
  tell: (state: 'silent' | 'heard', lastLines: string) => void;
  /** How often the host's agent has said that it took the node up again. */
  heard: () => number;
}

/** How one time of asking the host for its node went. `taken`: its agent had it. */
type Answer = { kind: 'ended'; end: NodeEnd } | { kind: 'silent'; taken: boolean; beat: Beat | null } | { kind: 'failed'; error: unknown };

/** One silence of a host, from the first beat that was missing. */
interface Suspicion {
  outageAtMs: number | null;
  togetherAtMs: number | null;
  witnesses: Witnesses;
  /** What they had said when it was last decided. */
  word: Witnesses['word'];
}

/**
 * Follows one node to its end, over every silence of its host: asks for it again, which its agent answers by carrying on; has its peers look
 * for it; and gives it up when `decideSilence` does.
 */
export async function followNode(node: Followed): Promise<NodeEnd> {
  return new Follower(node).follow();
}

class Follower {
  readonly #host: string;
  readonly #hostTimeoutMs: number;
  readonly #heartbeatMs: number;
  #suspicion: Suspicion | null = null;
  /** The last sign of life. */
  #sinceMs = Date.now();
  #lastLines = '';

  constructor(private readonly node: Followed) {
    this.#host = node.seat.host;
    this.#hostTimeoutMs = node.hostTimeoutSeconds * 1000;
    this.#heartbeatMs = heartbeatSeconds(node.hostTimeoutSeconds) * 1000;
  }

  async follow(): Promise<NodeEnd> {
    let limitMs = this.#hostTimeoutMs - this.#heartbeatMs;
    let failures = 0;
    for (let again = false; ; again = true) {
      const askedAtMs = Date.now();
      const answer = await this.#ask(again, limitMs);
      if (answer.kind === 'ended') {
        this.#clear();
        return answer.end;
      }
      if (answer.kind === 'failed') {
        if (saidBy(answer.error) === undefined && ++failures < TRIES) {
          await sleep(TRY_AGAIN_MS, { summary: `asks ${this.#host} again` });
          continue;
        }
        this.#clear();
        return this.#failed(failureOf(answer.error, this.#host, ''));
      }
      failures = 0;
      const { beat, taken } = answer;
      this.#take(beat);
      const dueMs = this.#heartbeatMs + (beat?.sentAtMs ?? askedAtMs + limitMs);
      this.#suspect(taken ? dueMs : askedAtMs + limitMs);
      const decision = await this.#decide();
      if (typeof decision !== 'number') return decision;
      limitMs = decision;
    }
  }

  /** Asks the host for the node, and waits until it has ended, or nothing is heard of it. */
  async #ask(again: boolean, limitMs: number): Promise<Answer> {
    const { node } = this;
    const { runNode } = proxyActivities<HostActivities>({
      taskQueue: hostQueue(node.input.run.fleet, this.#host),
      scheduleToStartTimeout: limitMs,
      startToCloseTimeout: '3650 days',
      heartbeatTimeout: this.#heartbeatMs,
      // A silence is judged here, not tried again by the server.
      retry: { maximumAttempts: 1 },
      cancellationType: ActivityCancellationType.TRY_CANCEL,
      summary: node.summary,
    });
    const heardBefore = node.heard();
    const scope = new CancellationScope();
    let answer: Answer | null = null;
    const asking = scope.run(() => runNode({ ...node.input, again }));
    asking.then(
      (end) => {
        answer = { kind: 'ended', end };
      },
      (error: unknown) => {
        answer = asAnswer(error);
      },
    );
    const ended = () => this.#suspicion?.witnesses.ended ?? null;
    const isHeard = () => this.#suspicion !== null && node.heard() > heardBefore;
    for (;;) {
      await condition(() => answer !== null || ended() !== null || isHeard() || this.#isOutOfReach());
      if (answer !== null) return answer;
      const end = ended();
      if (end === null && isHeard()) {
        this.#clear();
        continue;
      }
      scope.cancel();
      return end === null ? { kind: 'silent', taken: false, beat: null } : { kind: 'ended', end };
    }
  }

  /** Its peers had reached it, and do not any more, or are gone: that is decided about at once. */
  #isOutOfReach(): boolean {
    return this.#suspicion?.word === 'reachable' && this.#suspicion.witnesses.word !== 'reachable';
  }

  /** A beat that came after the last silence makes the next one a new one. */
  #take(beat: Beat | null): void {
    if (beat === null) return;
    this.#lastLines = beat.lastLines;
    if (beat.sentAtMs <= this.#sinceMs) return;
    this.#clear();
    this.#sinceMs = Math.min(beat.sentAtMs, Date.now());
  }

  /** Nothing is heard, and the word of it was due at `dueMs`. */
  #suspect(dueMs: number): void {
    const { node } = this;
    const nowMs = Date.now();
    if (this.#suspicion === null) {
      node.silent.add(this.#host);
      node.tell('silent', this.#lastLines);
      this.#suspicion = { outageAtMs: null, togetherAtMs: null, word: 'none', witnesses: this.#callWitnesses(this.#sinceMs + this.#hostTimeoutMs - nowMs) };
    }
    if (nowMs - dueMs > lateMs(this.#hostTimeoutMs)) this.#suspicion.outageAtMs = nowMs;
  }

  /** How long the host is waited for next; or its end. */
  async #decide(): Promise<number | NodeEnd> {
    const suspicion = this.#suspicion;
    if (suspicion === null) return this.#hostTimeoutMs;
    if (areTogether(this.node.silent.size, this.node.running())) suspicion.togetherAtMs ??= Date.now();
    // When its time is over, the word of those who were asked is waited for.
    if (Date.now() >= this.#sinceMs + this.#hostTimeoutMs) await suspicion.witnesses.settled();
    const { togetherAtMs, witnesses } = suspicion;
    if (witnesses.ended) {
      this.#clear();
      return witnesses.ended;
    }
    const peers = witnesses.word;
    // Those that reached it fell silent to Temporal together, as agents do when Temporal itself was away: the others get time to be back, too.
    if (suspicion.word === 'reachable' && peers === 'none') suspicion.outageAtMs ??= Date.now();
    suspicion.word = peers;
    const decision = decideSilence({
      nowMs: Date.now(),
      sinceMs: this.#sinceMs,
      outageAtMs: suspicion.outageAtMs,
      togetherAtMs,
      hostTimeoutMs: this.#hostTimeoutMs,
      peers,
    });
    if (decision.kind === 'wait') return decision.ms;
    if (witnesses.wasReachable) {
      // Who reached it is gone: others look for it, for as long as a host may be silent.
      this.#sinceMs = Date.now();
      witnesses.dismiss();
      suspicion.witnesses = this.#callWitnesses(this.#hostTimeoutMs);
      return this.#decide();
    }
    this.#clear();
    const { hostTimeoutSeconds } = this.node;
    const also = peers === 'unreachable' ? ', and its peers do not reach it either' : '';
    return this.#failed({ type: 'HostLost', message: `Host ${this.#host} was silent for ${hostTimeoutSeconds} s${also}` });
  }

  #callWitnesses(silenceMs: number): Witnesses {
    const { run, token } = this.node.input;
    const question = { run, token, peer: this.node.seat, silenceMs: Math.max(1_000, silenceMs) };
    return new Witnesses({ fleet: run.fleet, peers: this.node.peers, silent: this.node.silent, question });
  }

  /** It is heard, or nobody asks any more. */
  #clear(): void {
    if (this.#suspicion === null) return;
    this.#suspicion.witnesses.dismiss();
    this.#suspicion = null;
    this.#sinceMs = Date.now();
    this.node.silent.delete(this.#host);
    this.node.tell('heard', this.#lastLines);
  }

  #failed(failure: Failure): NodeEnd {
    const { startNumber } = this.node.input;
    return { kind: 'failed', failure, unreachable: [], startNumber, endedAtMs: Date.now(), lastLines: this.#lastLines, clean: false };
  }
}

function asAnswer(error: unknown): Answer {
  const timeout = timeoutOf(error);
  if (timeout === undefined) return { kind: 'failed', error };
  return { kind: 'silent', taken: timeout.timeoutType !== 'SCHEDULE_TO_START', beat: asBeat(timeout.lastHeartbeatDetails) };
}

function asBeat(details: unknown): Beat | null {
  const { sentAtMs, lastLines } = (details ?? {}) as Partial<Beat>;
  return typeof sentAtMs === 'number' && typeof lastLines === 'string' ? { sentAtMs, lastLines } : null;
}
