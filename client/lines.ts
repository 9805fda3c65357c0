const NEWLINE = 10;
/** A line that is longer is given out in pieces; else a program that never ends a line would fill our memory. */
const LONGEST_LINE = 4 * 1024 * 1024;

/**
 * Turns one node's pieces of output into whole lines, as bytes: a piece may end within a line or within a character.
 * Lines come without their newline.
 */
export class LineAssembler {
  #pieces: Buffer[] = [];
  #length = 0;

  /** The lines that this piece completes. */
  push(piece: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, from)) {
      lines.push(this.#take(piece.subarray(from, at)));
      from = at + 1;
    }
    if (from < piece.length) {
      this.#pieces.push(piece.subarray(from));
      this.#length += piece.length - from;
    }
    if (this.#length > LONGEST_LINE) lines.push(this.#take(Buffer.alloc(0)));
    return lines;
  }

  /** The unterminated last line, where there is one. */
  end(): Buffer[] {
    return this.#length === 0 ? [] : [this.#take(Buffer.alloc(0))];
  }

  #take(last: Buffer): Buffer {
    if (this.#pieces.length === 0) return last;
    const line = Buffer.concat([...this.#pieces, last]);
    this.#pieces = [];
    this.#length = 0;
    return line;
  }
}
