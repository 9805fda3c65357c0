import type { Run } from '../client/index.js';
import { EXIT, Exit } from './exit.js';
import { say } from './print.js';
import { ownTerminal, Question, type Terminal } from './question.js';

/**
 * What Ctrl-C and SIGTERM mean to who follows a run that is not his to end: he leaves, and the run goes on. On a terminal Ctrl-C asks first
 * whether the run is to be stopped; only a yes stops it, and then it is followed to its end, as `muster run` does.
 */
export class Detaching {
  readonly #left = new AbortController();
  #question: Question | undefined;
  #stopping = false;
  readonly #onInt = () => this.#interrupted();
  readonly #onTerm = () => this.#leave('SIGTERM');

  constructor(
    private readonly run: Pick<Run, 'handle' | 'stop'>,
    private readonly terminal = ownTerminal(),
  ) {
    process.on('SIGINT', this.#onInt);
    process.on('SIGTERM', this.#onTerm);
  }

  /** Aborts with the command's end. */
  get signal(): AbortSignal {
    return this.#left.signal;
  }

  /** Whether the run was stopped from here. */
  get stopped(): boolean {
    return this.#stopping;
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

  #interrupted(): void {
    if (this.terminal && !this.#stopping && !this.#question) this.#question = this.#ask(this.terminal);
    else this.#leave('SIGINT');
  }

  #ask(terminal: Terminal): Question {
    const text = `\nStop run ${this.run.handle}? Else it goes on without you [y/N] `;
    return new Question(terminal, { text, isYes: (line) => /^\s*y/i.test(line), interruptIsYes: false }, (yes) => {
      this.#question = undefined;
      if (yes) this.#stop();
      else this.#leave('SIGINT');
    });
  }

  #stop(): void {
    this.#stopping = true;
    say(`Stopping ${this.run.handle}; Ctrl-C leaves it to itself`);
    this.run.stop().catch((error: unknown) => {
      if ((error as Error).name !== 'RunEnded') say(`${this.run.handle} could not be stopped: ${(error as Error).message}`);
    });
  }

  #leave(signal: 'SIGINT' | 'SIGTERM'): void {
    this.ended();
    const { handle } = this.run;
    if (!this.#left.signal.aborted) say(`${handle} ${this.#stopping ? 'is being stopped' : 'goes on'}; \`muster attach ${handle}\` follows it again`);
    this.#left.abort(new Exit(EXIT[signal]));
  }
}
