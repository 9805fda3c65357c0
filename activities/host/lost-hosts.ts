import { setTimeout as pause } from 'node:timers/promises';
import { askPeer } from '../network/ask-peer.js';
import type { StartRecord } from './store.js';

const ANSWER_LIMIT_MS = 2_000;
const ASK_EVERY_MS = 1_000;

/** Who calls: rank 0's start, on behalf of its generation. */
type Caller = Pick<StartRecord, 'run' | 'token' | 'generation' | 'address' | 'fence'>;

/**
 * The calls to the agents of hosts that the run went on without, again and again, until each has ended what it still had of the run: whoever comes back
 * and cannot reach Temporal hears of it so.
 */
export class LostHosts {
  #round = new AbortController();

  /** They end with the caller's life. */
  constructor(private readonly life: AbortSignal) {
    life.addEventListener('abort', () => this.#round.abort());
  }

  /** Calls those that the start names from now on, and nobody else any more. */
  call(caller: Caller): void {
    this.#round.abort();
    if (this.life.aborted) return;
    this.#round = new AbortController();
    void callAll({ ...caller }, this.#round.signal);
  }
}

async function callAll({ run, token, generation, address: localAddress, fence }: Caller, signal: AbortSignal): Promise<void> {
  let left = [...fence];
  while (left.length > 0 && !signal.aborted) {
    const fenced = await Promise.all(
      left.map(async ({ host, address, port, startNumber }) => {
        const question = { kind: 'fence' as const, address, port, localAddress, token, runId: run.runId, host, startNumber, generation: generation - 1 };
        const answer = await askPeer(question, ANSWER_LIMIT_MS);
        return answer.heard && answer.state === 'fenced' ? host : null;
      }),
    );
    left = left.filter(({ host }) => !fenced.includes(host));
    if (left.length > 0) await pause(ASK_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
