import type { Line } from './text.js';

/** What a region needs of a terminal. */
export interface Screen {
  write(text: string): void;
  readonly columns: number;
  readonly rows: number;
}

const ESC = '\x1b[';
/** The terminal shows what stands between these at once: no half-drawn frame is seen. Those that do not know it pass over it. */
const SYNCHRONIZED = [`${ESC}?2026h`, `${ESC}?2026l`] as const;
/** A line that is wider than was thought is cut off by the terminal, and does not become two. */
const NO_WRAP = [`${ESC}?7l`, `${ESC}?7h`] as const;
const CURSOR = [`${ESC}?25l`, `${ESC}?25h`] as const;
const RESET_COLOURS = `${ESC}0m`;
const TO_END_OF_LINE = `${ESC}K`;
const TO_END_OF_SCREEN = `${ESC}J`;
const DOWN = `${ESC}B`;

/** Puts a terminal back as it was, wherever a drawing was broken off. */
export const RESTORE = `${NO_WRAP[1]}${SYNCHRONIZED[1]}${CURSOR[1]}`;
export const HIDE_CURSOR = CURSOR[0];
export const CLEAN_LINE = `\r${TO_END_OF_LINE}`;

/**
 * Lines at the bottom of a terminal, which are drawn over and over while other lines scroll by above them. The cursor rests below the last of them, so that
 * whatever comes after a command that was killed begins on a line of its own.
 */
export class Region {
  #drawn: Line[] = [];
  #columns = 0;
  #rows = 0;

  constructor(private readonly screen: Screen) {}

  /** Shows these lines in the place of the former ones; writes only what changed. No more lines than the terminal has rows, less one. */
  show(lines: readonly Line[]): void {
    const { columns, rows } = this.screen;
    const isResized = columns !== this.#columns || rows !== this.#rows;
    const isSame = lines.length === this.#drawn.length && lines.every(({ painted }, i) => painted === this.#drawn[i]?.painted);
    if (isSame && !isResized) return;
    const from = isResized ? `${this.#back()}${TO_END_OF_SCREEN}` : this.#back();
    const before = isResized ? [] : this.#drawn;
    const body = lines.map(({ painted }, i) => (painted === before[i]?.painted ? `\r${DOWN}` : `${painted}${TO_END_OF_LINE}\r\n`));
    const rest = lines.length < before.length ? TO_END_OF_SCREEN : '';
    this.screen.write(`${SYNCHRONIZED[0]}${NO_WRAP[0]}${from}${body.join('')}${rest}${NO_WRAP[1]}${SYNCHRONIZED[1]}`);
    this.#drawn = [...lines];
    this.#columns = columns;
    this.#rows = rows;
  }

  /** Has something write whole lines above the region; the terminal shows both at once. */
  above(write: () => void): void {
    if (this.#drawn.length === 0) {
      write();
      return;
    }
    this.screen.write(`${SYNCHRONIZED[0]}${this.#back()}${TO_END_OF_SCREEN}`);
    write();
    const body = this.#drawn.map(({ painted }) => `${painted}${TO_END_OF_LINE}\r\n`);
    this.screen.write(`${RESET_COLOURS}${NO_WRAP[0]}${body.join('')}${NO_WRAP[1]}${SYNCHRONIZED[1]}`);
    this.#columns = this.screen.columns;
  }

  /** Takes the region away. */
  clear(): void {
    if (this.#drawn.length > 0) this.screen.write(`${this.#back()}${TO_END_OF_SCREEN}`);
    this.#drawn = [];
  }

  /** What is drawn stays, and the next lines are drawn below it: somebody else has written to the terminal. */
  leave(): void {
    this.#drawn = [];
  }

  /** To the beginning of the first line. A terminal that has become narrower has broken lines into several. */
  #back(): string {
    const { columns } = this.screen;
    const narrower = columns < this.#columns;
    const up = this.#drawn.reduce((sum, { width }) => sum + (narrower ? Math.max(1, Math.ceil(width / Math.max(1, columns))) : 1), 0);
    return up === 0 ? '\r' : `\r${ESC}${up}A`;
  }
}
