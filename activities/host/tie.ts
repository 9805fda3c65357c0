import { join } from 'node:path';
import type { Beat } from '../../spec/nodes.js';
import { lastLines } from '../process/output.js';
import type { Agent } from './agent.js';
import { inTime } from './call.js';
import { Contact } from './contact.js';
import { ContactMark } from './contact-mark.js';
import { isForgotten } from './forgotten.js';
import { askRun } from './run-wanted.js';
import type { StartRecord } from './store.js';

/** A start that nobody has asked for again is checked so often: is its run still there? */
const ORPHAN_CHECK_MS = 30_000;
/** The same once its token was lost. */
const LOST_TOKEN_CHECK_MS = 2_000;
/** A beat that is not taken so long after it was sent is sent again. */
const SHORTEST_BEAT_LIMIT_MS = 1_000;

interface TieEvents {
  /** Called with each beat and each look. */
  onDue(): void;
  /** The run does not want this start any more, and why. */
  onUnwanted(why: string): Promise<void>;
  /** With `fencing: strict`: Temporal was not heard of for host_timeout, and for how long beyond. */
  onSilent(overdueMs: number): void;
}

/** The tie of one start to Temporal: beats as long as its token is good, else looks whether its run still wants it. */
export class Tie {
  #token: Uint8Array | null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  readonly #contact: Contact;

  constructor(
    private readonly agent: Agent,
    private readonly record: StartRecord,
    private readonly dir: string,
    private readonly events: TieEvents,
  ) {
    const { activity, program } = record;
    this.#token = activity ? Buffer.from(activity.token, 'base64') : null;
    const limitMs = program.fencing === 'strict' ? program.hostTimeoutSeconds * 1000 : null;
    this.#contact = new Contact(limitMs, (overdueMs) => events.onSilent(overdueMs), new ContactMark(join(dir, 'heard')));
  }

  /** Begins, after a restart of the agent too. */
  begin(): void {
    if (this.record.activity) this.#contact.resume();
    this.#schedule(this.#token ? 0 : ORPHAN_CHECK_MS);
  }

  /** With `fencing: strict`: for how much longer than host_timeout Temporal has not been heard of. */
  get overdueMs(): number {
    return this.#contact.overdueMs;
  }

  /** An activity came. The first beat goes at once: without one nobody could tell when this host was heard last. */
  take(token: Uint8Array): void {
    this.#token = token;
    this.#contact.heard();
    this.#schedule(0);
  }

  /** Nobody beats for the activity any more, so that its next attempt comes. */
  letGo(): void {
    this.#token = null;
  }

  /** No more beats: there is something better to tell. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#contact.stop();
  }

  #beatMs(): number {
    return (Math.max(2, this.record.program.hostTimeoutSeconds / 5) * 1000) / 3;
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#check(), ms);
    this.#timer.unref();
  }

  async #check(): Promise<void> {
    if (this.record.end) return;
    this.events.onDue();
    if (this.#token && (await this.#beat(this.#token))) return this.#schedule(this.#beatMs());
    const { run, generation, stage } = this.record;
    const wanted = await askRun(this.agent, run, generation);
    if (this.record.end || this.#stopped) return;
    if (wanted !== 'unknown') this.#contact.heard();
    if (wanted === 'closed') return this.events.onUnwanted('the run is closed');
    if (wanted === 'superseded') return this.events.onUnwanted('a newer generation leaves this host out');
    this.#schedule(stage === 'released' ? LOST_TOKEN_CHECK_MS : ORPHAN_CHECK_MS);
  }

  /** False: the token is of no use any more, and no other came meanwhile. */
  async #beat(token: Uint8Array): Promise<boolean> {
    const { client, clock } = this.agent;
    try {
      const beat: Beat = { sentAtMs: clock.nowMs(), lastLines: await lastLines(this.dir) };
      await inTime(client, () => client.activity.heartbeat(token, beat), Math.max(SHORTEST_BEAT_LIMIT_MS, this.#beatMs()));
      this.#contact.heard();
    } catch (error) {
      if (!isForgotten(error)) return true;
      this.#contact.heard();
      if (this.#token !== token) return true;
      this.#token = null;
      return false;
    }
    return true;
  }
}
