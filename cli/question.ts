import { createInterface, type Interface } from 'node:readline';
import { pauseBottom } from './print.js';

/** Where somebody sits: what he types, and where he reads. */
export interface Terminal {
  input: NodeJS.ReadableStream;
  output: NodeJS.WritableStream;
}

/** The terminal of this process; null where there is none. */
export function ownTerminal(): Terminal | null {
  return process.stdin.isTTY === true && process.stderr.isTTY === true ? { input: process.stdin, output: process.stderr } : null;
}

export interface Wording {
  text: string;
  /** What a line that was typed means. */
  isYes: (line: string) => boolean;
  /** What Ctrl-C means. The end of the input means no. */
  interruptIsYes: boolean;
}

/** A question to whoever sits at the terminal, with the live view out of the way. It is answered once, or withdrawn. */
export class Question {
  readonly #lines: Interface;
  readonly #output: NodeJS.WritableStream;
  readonly #resume: () => void;
  #over = false;

  constructor({ input, output }: Terminal, { text, isYes, interruptIsYes }: Wording, answered: (yes: boolean) => void) {
    this.#resume = pauseBottom();
    this.#output = output;
    this.#lines = createInterface({ input, output });
    const answer = (yes: boolean) => {
      if (this.#close()) answered(yes);
    };
    // While the question is open the terminal hands Ctrl-C to it, and not to us as a signal.
    this.#lines.on('SIGINT', () => {
      output.write('\n');
      answer(interruptIsYes);
    });
    this.#lines.on('close', () => answer(false));
    this.#lines.question(text, (line) => answer(isYes(line)));
  }

  /** Takes the question away: nobody has answered it, and nobody hears of an answer. */
  withdraw(): void {
    if (this.#close()) this.#output.write('\n');
  }

  /** Whether it was open until now. */
  #close(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#lines.close();
    this.#resume();
    return true;
  }
}
