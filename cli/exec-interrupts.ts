import type { RunningCommand } from '../client/index.js';
import { EXIT } from './exit.js';
import { say } from './print.js';

type Signal = 'SIGINT' | 'SIGTERM';

/** What Ctrl-C and SIGTERM mean to commands that run elsewhere: each gets the signal, the second time SIGKILL, and the third time we leave. */
export class ExecInterrupts {
  readonly #commands: RunningCommand[] = [];
  #received: Signal | undefined;
  #times = 0;
  readonly #onInt = () => this.#interrupted('SIGINT');
  readonly #onTerm = () => this.#interrupted('SIGTERM');

  constructor() {
    process.on('SIGINT', this.#onInt);
    process.on('SIGTERM', this.#onTerm);
  }

  /** This command, too, is what an interrupt is about from now on; one that came before is meant for it as well. */
  about(command: RunningCommand): void {
    this.#commands.push(command);
    if (this.#received !== undefined) this.#send(command, this.#received);
  }

  /** 130 or 143 where an interrupt came. */
  get exitCode(): number | undefined {
    return this.#received === undefined ? undefined : EXIT[this.#received];
  }

  dispose(): void {
    process.off('SIGINT', this.#onInt);
    process.off('SIGTERM', this.#onTerm);
  }

  #interrupted(signal: Signal): void {
    this.#received ??= signal;
    this.#times++;
    // Nothing of it outlives its lease.
    if (this.#times > 2) process.exit(EXIT[this.#received]);
    if (this.#times === 2) say('Killing; once more leaves at once');
    for (const command of this.#commands) this.#send(command, this.#times === 1 ? signal : 'SIGKILL');
  }

  #send(command: RunningCommand, signal: NodeJS.Signals): void {
    command.kill(signal).catch((error: unknown) => say(`the command on ${command.host} was not reached: ${(error as Error).message}`));
  }
}
