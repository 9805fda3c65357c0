import { ActivityCancellationType, CancellationScope, condition, proxyActivities } from '@temporalio/workflow';
import type { HostActivities, WatchPeerInput } from '../spec/activities.js';
import { hostQueue } from '../spec/ids.js';
import type { NodeEnd } from '../spec/nodes.js';

/** So many peers are asked about a silent host. */
const WITNESSES = 2;
/** A peer's agent takes its task in milliseconds, or is no witness. */
const ANSWER_MS = 5_000;
const BEAT_TIMEOUT_MS = 10_000;
/** How much later than its time a peer's word may come; who has not spoken by then still reaches the host. */
const MARGIN_MS = 5_000;

interface Asked {
  /** `asked` for longer than its time: it reaches the host. */
  state: 'asked' | 'unreachable' | 'gone';
  dueMs: number;
}

/** A peer that may be asked, and its own address. */
export type Witness = Pick<WatchPeerInput, 'host' | 'identity' | 'localAddress'>;

/** The peers of a silent host, which look for it by the way between agents. */
export class Witnesses {
  /** How the node ended, by the word of a peer. */
  ended: NodeEnd | null = null;
  /** One of them has reached it, whatever they say now. */
  wasReachable = false;
  readonly #scope = new CancellationScope();
  readonly #all: Asked[];

  constructor(of: { fleet: string; peers: readonly Witness[]; question: Omit<WatchPeerInput, keyof Witness>; silent: ReadonlySet<string> }) {
    const { silenceMs } = of.question;
    const dueMs = Date.now() + silenceMs + MARGIN_MS;
    this.#all = of.peers
      .filter(({ host }) => !of.silent.has(host))
      .slice(0, WITNESSES)
      .map((peer) => {
        const witness: Asked = { state: 'asked', dueMs };
        this.#ask(of.fleet, { ...peer, ...of.question }, witness).catch(() => {
          witness.state = 'gone';
        });
        return witness;
      });
  }

  /** What they say by now; whoever has not answered after its time still reaches the host. */
  get word(): 'none' | 'reachable' | 'unreachable' {
    const present = this.#all.filter(({ state }) => state !== 'gone');
    if (present.some(({ state, dueMs }) => state === 'asked' && Date.now() >= dueMs)) {
      this.wasReachable = true;
      return 'reachable';
    }
    return present.length > 0 && present.every(({ state }) => state === 'unreachable') ? 'unreachable' : 'none';
  }

  /** Resolves when each has said something, or its time has passed. */
  async settled(): Promise<void> {
    const latest = Math.max(...this.#all.map(({ dueMs }) => dueMs));
    await condition(() => this.ended !== null || this.#all.every(({ state }) => state !== 'asked'), Math.max(1, latest - Date.now()), {
      summary: 'limit: the peers say whether they reach the host',
    });
  }

  /** They need not look any more. */
  dismiss(): void {
    this.#scope.cancel();
  }

  async #ask(fleet: string, input: WatchPeerInput, witness: Asked): Promise<void> {
    const { watchPeer } = proxyActivities<HostActivities>({
      taskQueue: hostQueue(fleet, input.host),
      scheduleToStartTimeout: ANSWER_MS,
      startToCloseTimeout: '3650 days',
      heartbeatTimeout: BEAT_TIMEOUT_MS,
      cancellationType: ActivityCancellationType.TRY_CANCEL,
      retry: { maximumAttempts: 1 },
      summary: `${input.host} looks for ${input.peer.host}`,
    });
    const said = await this.#scope.run(() => watchPeer(input));
    if (said.kind === 'ended') this.ended = said.end;
    witness.state = said.kind === 'unreachable' ? 'unreachable' : 'gone';
  }
}
