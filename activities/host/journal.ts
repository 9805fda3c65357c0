import type { Agent } from './agent.js';
import { nodeFields } from './node-log.js';
import { type StartRecord, writeStart } from './store.js';

/** What is known of a start, and its file. A full disk is no reason to lose a program that runs: what it does not take is kept for later. */
export class Journal {
  #unwritten = false;

  constructor(
    private readonly agent: Agent,
    private readonly record: StartRecord,
    private readonly cookie: string,
  ) {}

  save(change: Partial<StartRecord>): void {
    Object.assign(this.record, change);
    try {
      writeStart(this.agent.dataDir, this.record);
      this.#unwritten = false;
    } catch (error) {
      const fields = { event: 'node-unwritten', ...nodeFields(this.record), cookie: this.cookie, error: String(error) };
      if (!this.#unwritten) this.agent.log.error(fields, 'the state of a node cannot be written; going on without');
      this.#unwritten = true;
    }
  }

  /** Writes what the disk has not taken so far. */
  catchUp(): void {
    if (this.#unwritten) this.save({});
  }
}
