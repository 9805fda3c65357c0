import { createInterface, type Interface } from 'node:readline';
import type { Run, StopMode } from '../client/index.js';
import { EXIT } from './exit.js';
import { pauseBottom, say } from './print.js';

type Signal = 'SIGINT' | 'SIGTERM';

/**
 * What Ctrl-C and SIGTERM mean while a run is started and followed. Before there is a run, `early` aborts. Then: on a terminal Ctrl-C asks
 * whether the run is to be stopped, and a second Ctrl-C says yes; without a terminal it is stopped at once. Once it is being stopped, another one
 * kills it, and the next leaves at once.
 */
export class Interrupts {
  readonly #early = new AbortController();
  readonly #onTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  #run: Run | undefined;
  #received: Signal | undefined;
  #stops = 0;
  #question: Interface | undefined;
  readonly #onInt = () => this.#interrupted('SIGINT');
  readonly #onTerm = () => this.#interrupted('SIGTERM');

  constructor() {
    process.on('SIGINT', this.#onInt);
    process.on('SIGTERM', this.#onTerm);
  }

  /** Aborts when the command is to end and there is no run yet. */
  get early(): AbortSignal {
    return this.#early.signal;
  }

  /** From now on this run is what an interrupt is about. */
  about(run: Run): void {
    this.#run = run;
    if (this.#early.signal.aborted) this.#stop();
  }

  /** 130 or 143 where an interrupt ended the run, or the command before there was one. */
  get exitCode(): number | undefined {
    return this.#received === undefined ? undefined : EXIT[this.#received];
  }

  dispose(): void {
    process.off('SIGINT', this.#onInt);
    process.off('SIGTERM', this.#onTerm);
    this.#question?.close();
  }

  #interrupted(signal: Signal): void {
    if (!this.#run) {
      if (this.#early.signal.aborted) process.exit(EXIT[signal]);
      this.#received = signal;
      this.#early.abort(new Error('interrupted'));
    } else if (this.#stops === 0 && signal === 'SIGINT' && this.#onTerminal && !this.#question) this.#ask(this.#run);
    else {
      this.#received = signal;
      this.#stop();
    }
  }

  #ask(run: Run): void {
    const resume = pauseBottom();
    const question = createInterface({ input: process.stdin, output: process.stderr });
    this.#question = question;
    let answered = false;
    const answer = (yes: boolean) => {
      if (answered) return;
      answered = true;
      question.close();
      this.#question = undefined;
      resume();
      if (!yes) return say(`${run.handle} goes on; following`);
      this.#received = 'SIGINT';
      this.#stop();
    };
    // While the question is open the terminal hands Ctrl-C to it, and not to us as a signal.
    question.on('SIGINT', () => {
      process.stderr.write('\n');
      answer(true);
    });
    question.on('close', () => answer(false));
    question.question(`\nStop run ${run.handle}? [Y/n] `, (text) => answer(!/^\s*n/i.test(text)));
  }

  #stop(): void {
    const run = this.#run;
    if (!run) return;
    this.#question?.close();
    this.#stops++;
    if (this.#stops > 2) process.exit(this.exitCode ?? EXIT.SIGINT);
    const mode: StopMode = this.#stops === 1 ? 'graceful' : 'now';
    say(mode === 'graceful' ? `Stopping ${run.handle}; once more kills its programs` : `Killing the programs of ${run.handle}`);
    run.stop({ mode }).catch((error: unknown) => {
      if ((error as Error).name !== 'RunEnded') say(`${run.handle} could not be stopped: ${(error as Error).message}`);
    });
  }
}
