import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const START_AGAIN_MS = 1_000;
/** What an agent may take to end its programs. */
const STOP_LIMIT_MS = 6_000;
const LINES_SHOWN = 8;

export interface MemberPlan {
  /** For people: `host-1`, `the control worker`. */
  name: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Takes what it prints. */
  logFile: string;
  /** Held as long as it lives. */
  tether: Writable;
}

/** One process of a dev stack: started again a second after it dies, ended by the end of its standard input. */
export class Member {
  readonly name: string;
  /** Rejects with how it ended, when it does before `ready` was called. Never resolves. */
  readonly failed: Promise<never>;
  #fail: (error: Error) => void = () => {};
  #child: ChildProcess | undefined;
  #again: NodeJS.Timeout | undefined;
  #say: ((line: string) => void) | undefined;
  #stopping = false;

  constructor(private readonly plan: MemberPlan) {
    this.name = plan.name;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    const log = openSync(this.plan.logFile, 'a');
    // Detached: a terminal's Ctrl-C reaches us alone. The fourth file is only held.
    const child = spawn(process.execPath, [MAIN, ...this.plan.args], {
      detached: true,
      env: this.plan.env,
      stdio: ['pipe', log, log, this.plan.tether],
    });
    closeSync(log);
    this.#child = child;
    child.stdin?.on('error', () => {});
    child.once('error', (error) => this.#ended(error.message));
    child.once('exit', (code, signal) => this.#ended(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`));
  }

  /** From now on it is started again when it dies, as an init system would. */
  ready(say: (line: string) => void): void {
    this.#say = say;
  }

  /** The end of what it printed. */
  lastLines(): string {
    try {
      return readFileSync(this.plan.logFile, 'utf8').trimEnd().split('\n').slice(-LINES_SHOWN).join('\n');
    } catch {
      return '';
    }
  }

  /** Resolves when it is gone; it is killed where it does not go. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#again);
    const child = this.#child;
    if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.stdin?.end();
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await gone;
    clearTimeout(late);
  }

  #ended(how: string): void {
    if (this.#stopping) return;
    if (!this.#say) {
      this.#fail(new Error(`${this.name} ${how}`));
      return;
    }
    this.#say(`${this.name} ${how}; starting it again`);
    this.#again = setTimeout(() => this.start(), START_AGAIN_MS);
  }
}
