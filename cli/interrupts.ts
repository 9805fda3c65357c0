import type { Run, StopMode } from '../client/index.js';
import { EXIT } from './exit.js';
import { say } from './print.js';
import { ownTerminal, Question, type Terminal } from './question.js';

type Signal = 'SIGINT' | 'SIGTERM';
type Stoppable = Pick<Run, 'handle' | 'stop'>;

/**
 * What Ctrl-C and SIGTERM mean while a run is started and followed. Before there is a run, `early` aborts. Then: on a terminal Ctrl-C asks
 * whether the run is to be stopped, and a second Ctrl-C says yes; without a terminal it is stopped at once. Once it is being stopped, another one
 * kills it, and the next leaves at once.
 */
export class Interrupts {
  readonly #early = new AbortController();
  #run: Stoppable | undefined;
  #received: Signal | undefined;
  #stops = 0;
  #question: Question | undefined;
  readonly #onInt = () => this.#interrupted('SIGINT');
  readonly #onTerm = () => this.#interrupted('SIGTERM');

  constructor(private readonly terminal = ownTerminal()) {
    process.on('SIGINT', this.#onInt);
    process.on('SIGTERM', this.#onTerm);
  }

  /** Aborts when the command is to end and there is no run yet. */
  get early(): AbortSignal {
    return this.#early.signal;
  }

  /** From now on this run is what an interrupt is about. */
  about(run: Stoppable): void {
    this.#run = run;
    if (this.#early.signal.aborted) this.#stop();
  }

  /** 130 or 143 where an interrupt ended the run, or the command before there was one. */
  get exitCode(): number | undefined {
    return this.#received === undefined ? undefined : EXIT[this.#received];
  }

  /** The run has ended: there is nothing to be asked any more. */
  readonly ended = (): void => {
    this.#question?.withdraw();
    this.#question = undefined;
  };

  dispose(): void {
    process.off('SIGINT', this.#onInt);
    process.off('SIGTERM', this.#onTerm);
    this.ended();
  }

  #interrupted(signal: Signal): void {
    if (!this.#run) {
      if (this.#early.signal.aborted) process.exit(EXIT[signal]);
      this.#received = signal;
      this.#early.abort(new Error('interrupted'));
    } else if (this.#stops === 0 && signal === 'SIGINT' && this.terminal && !this.#question) {
      this.#question = this.#ask(this.#run, this.terminal);
    } else {
      this.#received = signal;
      this.#stop();
    }
  }

  #ask(run: Stoppable, terminal: Terminal): Question {
    const text = `\nStop run ${run.handle}? [Y/n] `;
    return new Question(terminal, { text, isYes: (line) => !/^\s*n/i.test(line), interruptIsYes: true }, (yes) => {
      this.#question = undefined;
      if (!yes) return say(`${run.handle} goes on; following`);
      this.#received = 'SIGINT';
      this.#stop();
    });
  }

  #stop(): void {
    const run = this.#run;
    if (!run) return;
    this.ended();
    this.#stops++;
    if (this.#stops > 2) process.exit(this.exitCode ?? EXIT.SIGINT);
    const mode: StopMode = this.#stops === 1 ? 'graceful' : 'now';
    say(mode === 'graceful' ? `Stopping ${run.handle}; once more kills its programs` : `Killing the programs of ${run.handle}`);
    run.stop({ mode }).catch((error: unknown) => {
      if ((error as Error).name !== 'RunEnded') say(`${run.handle} could not be stopped: ${(error as Error).message}`);
    });
  }
}
