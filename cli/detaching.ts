import { createInterface, type Interface } from 'node:readline';
import type { Run } from '../client/index.js';
import { EXIT, Exit } from './exit.js';
import { pauseBottom, say } from './print.js';

/**
 * What Ctrl-C and SIGTERM mean to who follows a run that is not his to end: he leaves, and the run goes on. On a terminal Ctrl-C asks first
 * whether the run is to be stopped; only a yes stops it, and then it is followed to its end, as `muster run` does.
 */
export class Detaching {
  readonly #left = new AbortController();
  readonly #onTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  #question: Interface | undefined;
  #stopping = false;
  readonly #onInt = () => this.#interrupted();
  readonly #onTerm = () => this.#leave('SIGTERM');

  constructor(private readonly run: Run) {
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

  dispose(): void {
    process.off('SIGINT', this.#onInt);
    process.off('SIGTERM', this.#onTerm);
    this.#question?.close();
  }

  #interrupted(): void {
    if (this.#question) return;
    if (this.#onTerminal && !this.#stopping) this.#ask();
    else this.#leave('SIGINT');
  }

  #ask(): void {
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
      if (yes) this.#stop();
      else this.#leave('SIGINT');
    };
    // While the question is open the terminal hands Ctrl-C to it, and not to us as a signal.
    question.on('SIGINT', () => {
      process.stderr.write('\n');
      answer(false);
    });
    question.on('close', () => answer(false));
    question.question(`\nStop run ${this.run.handle}? Else it goes on without you [y/N] `, (text) => answer(/^\s*y/i.test(text)));
  }

  #stop(): void {
    this.#stopping = true;
    say(`Stopping ${this.run.handle}; Ctrl-C leaves it to itself`);
    this.run.stop().catch((error: unknown) => {
      if ((error as Error).name !== 'RunEnded') say(`${this.run.handle} could not be stopped: ${(error as Error).message}`);
    });
  }

  #leave(signal: 'SIGINT' | 'SIGTERM'): void {
    this.#question?.close();
    if (!this.#left.signal.aborted) say(`${this.run.handle} goes on; \`muster attach ${this.run.handle}\` follows it again`);
    this.#left.abort(new Exit(EXIT[signal]));
  }
}
