import { setTimeout as pause } from 'node:timers/promises';
import type { DevServer } from '../server/start.js';

const START_AGAIN_MS = 1_000;

/** The Temporal of a dev stack: started again a second after it has ended by itself, as an init system would. */
export class KeptServer {
  readonly #stopping = new AbortController();
  #server: DevServer;
  #kept: Promise<void>;

  /** `start` brings one up at the same ports. `what` is said of it when it is there again. */
  constructor(
    first: DevServer,
    private readonly start: () => Promise<DevServer>,
    private readonly say: (line: string) => void,
    private readonly what: string,
  ) {
    this.#server = first;
    this.#kept = this.#keep().catch(() => undefined);
  }

  get uiUrl(): string {
    return this.#server.uiUrl;
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#server.stop();
    await this.#kept;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      const code = await this.#server.exited;
      if (signal.aborted) return;
      this.say(`Temporal ${code === null ? 'was ended by a signal' : `ended with exit code ${code}`}; starting it again`);
      this.#server = await this.#again();
      if (signal.aborted) return this.#server.stop();
      this.say(`Temporal is there again, ${this.what}`);
    }
  }

  async #again(): Promise<DevServer> {
    const { signal } = this.#stopping;
    for (;;) {
      await pause(START_AGAIN_MS, undefined, { signal });
      try {
        return await this.start();
      } catch (error) {
        this.say(`${(error as Error).message}; trying again`);
      }
    }
  }
}
